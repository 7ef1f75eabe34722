import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleRois } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { philox, referenceSample } from '../../lib/reference/sampling';
import { Checksum, Xorshift } from '../support/random-boxes';

const test = suite('sampling');

const fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'matching.json'), 'utf8'));

const drawLabels = (random: Xorshift, count: number, kinds = 4) =>
  Int32Array.from({ length: count }, () => random.below(kinds) - 1);

test("the reference's Philox passes Random123's test vectors", () => {
  for (const [counter, key, words] of [
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ] as const) {
    const parsed = (text: string) => text.split(' ').map((word) => Number.parseInt(word, 16));
    assert.equal(philox(parsed(counter) as never, parsed(key) as never), parsed(words));
  }
});

test("10,000 random cases have the counts of torchvision's BalancedPositiveNegativeSampler", () => {
  const random = new Xorshift(20262);
  const blocks: Checksum[] = [];
  for (let i = 0; i < 10_000; i++) {
    if (i % 100 === 0) blocks.push(new Checksum());
    const labels = drawLabels(random, random.below(60));
    const [count, foregroundFraction] = [random.below(40), random.below(9) / 8];
    const { indices } = sampleRois(labels, { count, foregroundFraction, seed: i });
    const foreground = indices.filter((index) => labels[index]! > 0).length;
    blocks.at(-1)!.add([foreground, indices.filter((index) => labels[index] === 0).length]);
  }
  assert.equal(
    blocks.map(({ value }) => value),
    fixture.samples,
  );
});

test('the RoIs with the least words of Philox are taken, in ascending order', () => {
  const random = new Xorshift(5);
  for (let i = 0; i < 100; i++) {
    const labels = drawLabels(random, random.below(1500), 2 + random.below(9));
    const options = {
      count: random.below(400),
      foregroundFraction: random.fraction(),
      seed: random.next() * 2 ** random.below(22),
    };
    assert.equal([...sampleRois(labels, options).indices], referenceSample(labels, options), `case ${i}`);
  }
});

test('in place, the labels of all others are −1', () => {
  const labels = drawLabels(new Xorshift(6), 1000);
  const options = { count: 100, foregroundFraction: 0.5, seed: 1 };
  const { indices } = sampleRois(labels, options);
  const expected = new Int32Array(1000).fill(-1);
  for (const i of indices) expected[i] = labels[i]!;
  assert.is(indices.length, 100);
  assert.is(sampleRois(labels, { ...options, inPlace: true }), undefined);
  assert.equal(labels, expected);
});

test('512 with a quarter of foreground are the default', () => {
  const labels = Int32Array.from({ length: 4000 }, (_, i) => i % 2);
  const { indices } = sampleRois(labels, { seed: 0 });
  assert.is(indices.length, 512);
  assert.is(indices.filter((i) => labels[i] === 1).length, 128);
  assert.not.equal(indices, sampleRois(labels, { seed: 1 }).indices);
});

test('each RoI is as likely as another', () => {
  const labels = new Int32Array(50);
  const taken = new Float64Array(50);
  for (let seed = 0; seed < 4000; seed++)
    for (const i of sampleRois(labels, { count: 10, seed }).indices) taken[i]!++;
  // 800 ± 25; beyond 5 deviations is less likely than one in a million.
  for (const times of taken) assert.ok(Math.abs(times - 800) < 130, `${times} of 800`);
});

test('more than there are', () => {
  const labels = Int32Array.of(1, 0, -1, 2, 0);
  assert.equal(sampleRois(labels, { seed: 3 }).indices, Int32Array.of(0, 1, 3, 4));
  assert.equal(sampleRois(labels, { seed: 3, count: 0 }).indices, new Int32Array(0));
  assert.equal(sampleRois(new Int32Array(0), { seed: 3 }).indices, new Int32Array(0));
});

test.run();
