import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clipBoxes, decodeBoxes, encodeBoxes, nms } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Checksum, drawBoxes, flat, Xorshift } from '../support/random-boxes';

const test = suite('boxes');

const fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'matching.json'), 'utf8'));

function assertClose(actual: Float32Array, expected: readonly number[], scale: number): void {
  assert.is(actual.length, expected.length);
  actual.forEach((x, i) => {
    const bound = 1e-6 * Math.max(scale, Math.abs(expected[i]!));
    assert.ok(Math.abs(x - expected[i]!) <= bound, `[${i}] is ${x}; expected ${expected[i]}`);
  });
}

test("boxes are encoded, decoded and clipped as by torchvision's BoxCoder in float64", () => {
  const random = new Xorshift(20265);
  const drawn: { proposals: number[]; gtBoxes: number[]; deltas: number[] } = {
    proposals: [],
    gtBoxes: [],
    deltas: [],
  };
  for (let i = 0; i < 16; i++) {
    for (const target of [drawn.proposals, drawn.gtBoxes]) {
      const [x, y] = [random.fraction() * 100, random.fraction() * 100];
      target.push(x, y, x + 1 + random.fraction() * 50, y + 1 + random.fraction() * 50);
    }
    for (const range of [8, 8, 80, 80]) drawn.deltas.push((random.fraction() - 0.5) * range);
  }
  const proposals = Float32Array.from(drawn.proposals);
  const gtBoxes = Float32Array.from(drawn.gtBoxes);
  const deltas = Float32Array.from(drawn.deltas);
  const { imageSize } = fixture.coder;
  for (const { deltaWeights, encoded, decoded, clipped } of fixture.coder.cases) {
    // The difference of two centres near 100 is right to 1e-5 in float32.
    assertClose(encodeBoxes({ proposals, gtBoxes }, { deltaWeights }), encoded, 200);
    const boxes = decodeBoxes({ proposals, deltas }, { deltaWeights });
    assertClose(boxes, decoded, 200);
    assertClose(clipBoxes(boxes, { imageSize }), clipped, 200);
  }
});

test('the weights of a RoI head are the default', () => {
  const [proposals, gtBoxes] = [Float32Array.of(0, 0, 10, 20), Float32Array.of(5, 10, 15, 50)];
  const deltas = encodeBoxes({ proposals, gtBoxes });
  assert.equal(deltas, encodeBoxes({ proposals, gtBoxes }, { deltaWeights: [10, 10, 5, 5] }));
  assertClose(deltas, [5, 10, 0, 5 * Math.log(2)], 1);
  assertClose(decodeBoxes({ proposals, deltas }), [...gtBoxes], 1);
});

test('matches choose the boxes that proposals are encoded for', () => {
  const random = new Xorshift(3);
  const [proposals, gtBoxes] = [flat(drawBoxes(random, 1, 4)), flat(drawBoxes(random, 1, 2))];
  const matches = Int32Array.of(1, -1, 0, -2);
  const chosen = Float32Array.from(matches, () => 0);
  assert.is(chosen.length, 4);
  const of = (object: number) => gtBoxes.subarray(4 * object, 4 * object + 4);
  const expected = encodeBoxes({
    proposals,
    gtBoxes: Float32Array.of(...of(1), ...of(0), ...of(0), ...of(0)),
  });
  expected.fill(0, 4, 8).fill(0, 12, 16);
  assert.equal(encodeBoxes({ proposals, gtBoxes, matches }), expected);
});

test('several boxes of each proposal are decoded', () => {
  const proposals = Float32Array.of(0, 0, 10, 20, 5, 5, 9, 9);
  const deltas = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i / 8);
  const all = decodeBoxes({ proposals, deltas });
  for (let i = 0; i < 6; i++) {
    const n = Math.floor(i / 3);
    assert.equal(
      all.slice(4 * i, 4 * i + 4),
      decodeBoxes({ proposals: proposals.slice(4 * n, 4 * n + 4), deltas: deltas.slice(4 * i, 4 * i + 4) }),
    );
  }
});

test('a size grows by 1000/16 at most', () => {
  const proposals = Float32Array.of(-8, -8, 8, 8);
  const box = (w: number) => decodeBoxes({ proposals, deltas: Float32Array.of(0, 0, w, 0) });
  assert.equal(box(1e30), box(5 * Math.log(1000 / 16)));
  assertClose(box(1e30), [-500, -8, 500, 8], 1);
  assert.ok(Number.isNaN(box(Number.NaN)[0]));
});

test('boxes are clipped to an image, and the given ones stay as they are', () => {
  const boxes = Float32Array.of(-5, 3, 30, 12, 2, -1, 8, 9);
  assert.equal(clipBoxes(boxes, { imageSize: [10, 20] }), Float32Array.of(0, 3, 20, 10, 2, 0, 8, 9));
  assert.is(boxes[0], -5);
});

test("suppression keeps what torchvision's nms and batched_nms keep", () => {
  const random = new Xorshift(20264);
  const blocks: [Checksum, Checksum][] = [];
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 0) blocks.push([new Checksum(), new Checksum()]);
    const boxes = flat(drawBoxes(random, i % 4, random.below(60)));
    const count = boxes.length / 4;
    const tied = Float32Array.from({ length: count }, () => random.below(8) / 8);
    const iouThreshold = random.below(11) / 10;
    const scores = Float32Array.from({ length: count }, (_, at) => (random.next() >>> 14) * 64 + at);
    const labels = Int32Array.from({ length: count }, () => random.below(3));
    const [alone, labelled] = blocks.at(-1)!;
    alone.add(nms({ boxes, scores: tied }, { iouThreshold }));
    labelled.add(nms({ boxes, scores, labels }, { iouThreshold }));
  }
  assert.equal(
    blocks.map((block) => block.map(({ value }) => value)),
    fixture.nms,
  );
});

test('suppression of nothing', () => {
  const nothing = new Float32Array(0);
  assert.equal(nms({ boxes: nothing, scores: nothing, labels: new Int32Array(0) }), new Int32Array(0));
});

test.run();
