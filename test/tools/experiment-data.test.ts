import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decode, encode } from '../../examples/digits/boxes';
import { seeded } from '../../examples/digits/random';
import { parseArguments, usage } from '../../examples/noisy-masks/arguments';
import { corrupt, dilate, erode } from '../../examples/noisy-masks/data/corrupt';
import { maskTarget, splitDigits, trainingExamples } from '../../examples/noisy-masks/data/dataset';
import { area, bitAt, extent, type Mask, maskIou, overlap } from '../../examples/noisy-masks/data/masks';
import { composeScene } from '../../examples/noisy-masks/data/scenes';
import summary from '../../examples/noisy-masks/results/summary.json';
import { pack, unpack } from '../../examples/noisy-masks/run';
import { fingerprint, quick } from '../../examples/noisy-masks/settings';

const test = suite('data of the experiment');

const digits = splitDigits();
const scenes = Array.from({ length: 10 }, (_, i) => composeScene(digits.train, seeded(i)));
const instances = scenes.flatMap((scene) => scene.instances);

test('no source image is in two parts', () => {
  const seen = new Set<string>();
  for (const part of [digits.train, digits.validation, digits.test])
    for (const image of new Set(part.flat().map((pixels) => `${pixels.byteOffset} ${pixels.join()}`))) {
      assert.not(seen.has(image));
      seen.add(image);
    }
  assert.ok(seen.size > 9_900);
});

test('masks of a scene do not overlap, though frames do', () => {
  for (const { instances, size } of scenes)
    for (const [i, { mask, box }] of instances.entries()) {
      assert.equal(box, extent(mask));
      assert.ok(box[0] >= 0 && box[1] >= 0 && box[2] <= size && box[3] <= size);
      for (const other of instances.slice(i + 1)) assert.is(overlap(mask, other.mask), 0);
    }
  const framesOverlap = scenes.some(({ instances }) =>
    instances.some(({ box: [left, top, right, bottom] }, i) =>
      instances.some(
        ({ box }, j) => i !== j && left < box[2] && box[0] < right && top < box[3] && box[1] < bottom,
      ),
    ),
  );
  assert.ok(framesOverlap);
});

test('more noise leaves less of a mask, and none leaves all', () => {
  const agreement = (level: number) => {
    const random = seeded(1);
    const ious = instances.map(({ mask, scale }) => maskIou(mask, corrupt(mask, scale, level, random)));
    return ious.reduce((sum, iou) => sum + iou) / ious.length;
  };
  const levels = [0, 0.3, 0.6, 1].map(agreement);
  assert.is(levels[0], 1);
  for (const [i, level] of levels.entries()) if (i > 0) assert.ok(level < levels[i - 1]! - 0.05);
  assert.ok(levels.at(-1)! > 0.1);
});

test('the same seed corrupts alike, and never to nothing', () => {
  const all = (seed: number) => {
    const random = seeded(seed);
    return instances.map(({ mask, scale }) => corrupt(mask, scale, 1, random));
  };
  assert.equal(all(1), all(1));
  assert.not.equal(all(1), all(2));
  for (const mask of all(3)) assert.ok(area(mask) > 0);
});

test('dilation and erosion by a disk', () => {
  const dot: Mask = { x0: 5, y0: 5, width: 9, height: 9, bits: new Uint8Array(81) };
  dot.bits[40] = 1;
  assert.is(area(dilate(dot, 1)), 5);
  assert.is(area(dilate(dot, 1.5)), 9);
  assert.equal(erode(dilate(dot, 2), 2), dot);
  assert.is(bitAt(dilate(dot, 1), 9, 8), 1);
});

test('a mask target is the mask as its box frames it', () => {
  const { mask, box } = instances[0]!;
  const target = maskTarget(mask, box);
  const share = target.reduce((sum, bit) => sum + bit, 0) / target.length;
  const inBox = area(mask) / ((box[2] - box[0]) * (box[3] - box[1]));
  assert.ok(Math.abs(share - inBox) < 0.05, `${share}, ${inBox}`);
});

test('noise changes nothing but the masks', () => {
  const settings = { ...quick, scenes: { train: 3, validation: 1, test: 1 } };
  const [clean, noisy] = [0, 0.6].map((noise) => trainingExamples(digits.train, settings, 1, noise));
  assert.equal({ ...clean!.examples, maskTargets: 0 }, { ...noisy!.examples, maskTargets: 0 });
  assert.not.equal(clean!.examples.maskTargets, noisy!.examples.maskTargets);
  assert.is(clean!.maskIou, 1);
});

test('decode undoes encode', () => {
  const truth = [10, 20, 30, 50] as const;
  const proposal = [12, 15, 40, 44] as const;
  for (const [i, corner] of decode(proposal, encode(proposal, truth)).entries())
    assert.ok(Math.abs(corner - truth[i]!) < 1e-9);
});

test('packed bits come back', () => {
  const bits = Array.from({ length: 29 }, (_, i) => i % 3 === 0);
  assert.equal([...unpack(pack(bits), 29)], bits.map(Number));
});

test('arguments', () => {
  const { runs, settings } = parseArguments(['--seeds', '2', '--noise', '0.5,0', '--steps', '10']);
  assert.is(runs.length, 2 * 2 * 4);
  assert.equal(runs[0], { loss: 'bce', noise: 0, seed: 1 });
  assert.is(settings.steps, 10);
  assert.throws(() => parseArguments(['--noise', '0,2']), /--noise has '2'/);
  assert.throws(() => parseArguments(['--seeds', '0']), /--seeds is '0'/);
  assert.throws(() => parseArguments(['--steps', 'many']), /--steps is 'many'/);
  assert.throws(() => parseArguments(['--what']), /what/);
});

test('what is published is what runs by default', () => {
  const { runs, settings } = parseArguments([]);
  assert.equal(summary.settings, settings);
  assert.is(summary.seeds, new Set(runs.map(({ seed }) => seed)).size);
  assert.equal(
    summary.annotations.map(({ noise }) => noise),
    [...new Set(runs.map(({ noise }) => noise))],
  );
  assert.match(usage, `default ${summary.annotations.map(({ noise }) => noise).join()};`);
  assert.match(usage, `default ${summary.seeds};`);
});

test('other settings have another fingerprint', () => {
  assert.is(fingerprint(quick), fingerprint({ ...quick }));
  assert.is.not(fingerprint(quick), fingerprint({ ...quick, steps: 61 }));
});

test.run();
