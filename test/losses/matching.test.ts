import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Matches, type MatchInputs, type MatchOptions, matchBoxes, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { anchorsOf } from '../../common/anchors';
import { referenceMatches } from '../../lib/reference/matching';
import { bitsOf, Checksum, drawBoxes, flat, Xorshift } from '../support/random-boxes';

const test = suite('matching');

const fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'matching.json'), 'utf8'));
const settings: { foreground: number; background: number; lowQuality: boolean }[] = fixture.settings;

const devices = [1, 2, 3, 7].map((threads) => openDevice('cpu', { threads }));

const bitsOfMatches = ({ labels, matches, overlaps }: Matches) => [
  [...labels],
  [...matches],
  [...bitsOf(overlaps)],
];

function assertAsReference(inputs: MatchInputs, options: Omit<MatchOptions, 'device'>, name: string): void {
  const [found, expected] = [matchBoxes(inputs, options), referenceMatches(inputs, options)];
  const [bits, expectedBits] = [bitsOfMatches(found), bitsOfMatches(expected)];
  bits.forEach((array, part) => {
    const i = array.findIndex((x, at) => x !== expectedBits[part]![at]);
    assert.is(i, -1, `${name}: ${['labels', 'matches', 'overlaps'][part]}[${i}]`);
    assert.is(array.length, expectedBits[part]!.length, name);
  });
}

test("10,000 random cases are those of torchvision's Matcher, ties and boxes without an area included", () => {
  const random = new Xorshift(20261);
  const blocks: Checksum[][] = [];
  for (let i = 0; i < 10_000; i++) {
    if (i % 100 === 0) blocks.push(Array.from({ length: settings.length + 1 }, () => new Checksum()));
    const objects = drawBoxes(random, i % 4, 1 + random.below(6));
    const boxes = flat(drawBoxes(random, i % 4, 1 + random.below(20), objects));
    const checksums = blocks.at(-1)!;
    settings.forEach((setting, s) => {
      const { matches, overlaps } = matchBoxes({ boxes, gtBoxes: flat(objects) }, setting);
      checksums[s]!.add(matches);
      if (s === 0) checksums.at(-1)!.add(bitsOf(overlaps));
    });
  }
  assert.equal(
    blocks.map((checksums) => checksums.map(({ value }) => value)),
    fixture.matches,
  );
});

test("the anchors of an RPN, as torchvision's Matcher has them", () => {
  const random = new Xorshift(20263);
  const [height, width] = [256, 320];
  const boxes = anchorsOf(height, width);
  const gtBoxes = flat(
    Array.from({ length: 20 }, () => {
      const [x, y] = [random.fraction() * width, random.fraction() * height];
      return [x, y, x + random.fraction() * 96, y + random.fraction() * 96];
    }),
  );
  assert.is(boxes.length / 4, fixture.anchors.boxes);
  assert.is(new Checksum().add(bitsOf(boxes)).value, fixture.anchors.anchors, 'the anchors');
  assert.equal(
    settings.map((setting) => new Checksum().add(matchBoxes({ boxes, gtBoxes }, setting).matches).value),
    fixture.anchors.matches,
  );
});

test('the number of threads changes nothing', () => {
  const boxes = anchorsOf(256, 320);
  const gtBoxes = flat(drawBoxes(new Xorshift(4), 1, 30));
  for (const setting of settings) {
    const expected = matchBoxes({ boxes, gtBoxes }, { ...setting, device: devices[0] });
    for (const device of devices)
      assert.equal(matchBoxes({ boxes, gtBoxes }, { ...setting, device }), expected);
  }
});

test('labels and crowds, against the reference', () => {
  const random = new Xorshift(7);
  for (let i = 0; i < 300; i++) {
    const objects = drawBoxes(random, i % 4, random.below(9));
    const inputs = {
      boxes: flat(drawBoxes(random, i % 4, random.below(200), objects)),
      gtBoxes: flat(objects),
      gtLabels: Int32Array.from(objects, () => 1 + random.below(80)),
      gtIgnore: Uint8Array.from(objects, () => (random.below(3) === 0 ? 1 + random.below(255) : 0)),
    };
    for (const setting of settings) assertAsReference(inputs, setting, `case ${i}`);
  }
});

test('NaN and infinities, against the reference', () => {
  const random = new Xorshift(9);
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -3e38];
  const spoilt = (array: Float32Array) => {
    for (let i = random.below(3); i > 0; i--) array[random.below(array.length)] = odd[random.below(5)]!;
    return array;
  };
  for (let i = 0; i < 1000; i++) {
    const objects = drawBoxes(random, i % 4, 1 + random.below(9));
    const boxes = spoilt(flat(drawBoxes(random, i % 4, 1 + random.below(150), objects)));
    const inputs = { boxes, gtBoxes: spoilt(flat(objects)) };
    for (const setting of settings) assertAsReference(inputs, setting, `case ${i}`);
  }
});

test('without objects all is background', () => {
  const boxes = flat(drawBoxes(new Xorshift(1), 1, 100));
  for (const setting of [...settings, { foreground: 0, background: 0 }])
    assert.equal(matchBoxes({ boxes, gtBoxes: new Float32Array(0) }, setting), {
      labels: new Int32Array(100),
      matches: new Int32Array(100).fill(-1),
      overlaps: new Float32Array(100),
    });
});

test('without boxes there is nothing', () => {
  const { labels, matches, overlaps } = matchBoxes(
    { boxes: new Float32Array(0), gtBoxes: Float32Array.of(0, 0, 1, 1) },
    { lowQuality: true },
  );
  assert.equal([labels.length, matches.length, overlaps.length], [0, 0, 0]);
});

test('an object alone in a crowd', () => {
  const gtBoxes = Float32Array.of(0, 0, 10, 10, 0, 0, 100, 100);
  const boxes = Float32Array.of(0, 0, 10, 10, 50, 50, 60, 60, 95, 95, 115, 115, 200, 200, 210, 210);
  assert.equal(
    matchBoxes({ boxes, gtBoxes, gtIgnore: Uint8Array.of(0, 1) }).labels,
    Int32Array.of(-1, -1, 0, 0),
  );
  assert.equal(
    matchBoxes({ boxes, gtBoxes, gtIgnore: Uint8Array.of(0, 0) }).labels,
    Int32Array.of(1, 0, 0, 0),
  );
});

test.run();
