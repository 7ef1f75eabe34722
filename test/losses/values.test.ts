import type { FloatType, RoiLossError } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { badValueOf } from '../../lib/reference/ranges';
import { assertClose, assertLosses } from '../support/close';
import { fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice, unlessSimulated } from '../support/device';
import { halves } from '../support/half';
import { maskLosses as kinds } from '../support/kinds';
import { type Attempt, throws } from '../support/throws';

// Mask targets and probabilities that are not from 0 to 1: an error with index and value, from the pass itself.

const test = suite('values out of range');

const refuses = (attempt: Attempt, ...words: string[]) =>
  throws(attempt, RangeError, 'ERR_ROI_LOSS_VALUE', ...words, 'from 0 to 1');

const device = openTestDevice({ threads: 3 });
const rois = 9;
const options = { classes: 4, maskSize: [6, 6] as const };
const pixels = 36;
const labels = Int32Array.of(0, 1, 2, 3, -1, 1, 0, 2, 3);
const inputs = () => ({ ...inputsOf(1, { rois, ...options }), labels });

for (const kind of kinds)
  for (const layout of ['nchw', 'nhwc'] as const)
    test(`mask targets: ${JSON.stringify(kind)}, ${layout}`, async () => {
      for (const maskGrad of ['dense', 'compact'] as const)
        for (const grad of [true, false])
          for (const [value, pixel] of [
            [255, 0],
            [-1, 35],
            [1.00001, 17],
            [-1e-5, 7],
            [3e38, 4],
          ] as const) {
            const { maskLogits, maskTargets } = inputs();
            maskTargets[3 * pixels + pixel] = value;
            const call = { ...options, kind, layout, maskGrad, grad };
            await refuses(
              () => fusedMaskLoss({ maskLogits, maskTargets, labels }, call),
              `maskTargets[${3 * pixels + pixel}] is ${Math.fround(value)};`,
            );
          }
    });

for (const [height, width] of [
  [1, 1],
  [5, 3],
  [28, 28],
  [90, 90],
] as const)
  test(`the first of several, in masks of ${height}×${width}`, async () => {
    const n = height * width;
    const sizes = { classes: 3, maskSize: [height, width] as const };
    const targets = inputsOf(2, { rois: 6, ...sizes, leastLabel: 1 });
    for (const [r, i] of [
      [5, 0],
      [4, n - 1],
      [4, n >> 1],
    ] as const) {
      targets.maskTargets[r * n + i] = 7;
      const { maskLogits, maskTargets, labels } = targets;
      await refuses(
        () => fusedMaskLoss({ maskLogits, maskTargets, labels }, sizes),
        `maskTargets[${r * n + i}] is 7;`,
      );
    }
  });

test('the first of many RoIs, whichever thread comes upon it', async () => {
  const rois = unlessSimulated(800, 16);
  const sizes = { rois, classes: 2, maskSize: [28, 28] as const, maskChannels: 1, leastLabel: 1 };
  const { maskLogits, maskTargets, labels } = inputsOf(3, sizes);
  for (let r = 3; r < rois; r++) maskTargets[r * 784 + (r % 784)] = r;
  const call = { classes: 2, device };
  for (let i = 0; i < unlessSimulated(20, 1); i++)
    await refuses(
      () => fusedMaskLoss({ maskLogits, maskTargets, labels }, call),
      `maskTargets[${3 * 784 + 3}] is 3;`,
    );
});

test('what rounding may do, −0, bytes and RoIs that do not count pass; NaN and infinities make the loss NaN', async () => {
  const { maskLogits, maskTargets } = inputs();
  const loss = (targets: Float32Array | Uint8Array) =>
    fusedMaskLoss({ maskLogits, maskTargets: targets, labels }, options).loss;
  const changed = (r: number, value: number) => {
    const targets = maskTargets.slice();
    targets[r * pixels + 3] = value;
    return targets;
  };
  for (const value of [1 + 1e-6, -1e-6, -0, 1.4e-45, 1])
    assert.ok(Number.isFinite(loss(changed(3, value))), `${value}`);
  for (const value of [Number.NaN, Infinity, -Infinity])
    assert.ok(Number.isNaN(loss(changed(3, value))), `${value}`);
  for (const r of [0, 4, 6]) assert.is(loss(changed(r, 255)), loss(maskTargets));
  assert.is(loss(new Uint8Array(rois * pixels).fill(255)), loss(new Float32Array(rois * pixels).fill(1)));
  const both = changed(3, Number.NaN);
  both[8 * pixels] = 2;
  await refuses(() => loss(both), `maskTargets[${8 * pixels}] is 2;`);
});

test('masks with labels of their own', async () => {
  const { maskLogits, maskTargets } = inputs();
  maskTargets[7 * pixels + 1] = -0.25;
  await refuses(
    () => fusedMaskLoss({ maskLogits, maskTargets, maskLabels: labels }, options),
    `maskTargets[${7 * pixels + 1}] is -0.25;`,
  );
});

/** Rows that sum to 1. */
function distributions(classes: number): Float32Array {
  const scores = inputsOf(5, { rois, classes, maskSize: [1, 1] }).classLogits.map(Math.exp);
  return scores.map((x, i) => {
    const row = i - (i % classes);
    return x / scores.subarray(row, row + classes).reduce((sum, y) => sum + y, 0);
  });
}

for (const classes of [4, 81, 1204])
  test(`probabilities of ${classes} classes`, async () => {
    const probs = distributions(classes);
    const loss = (r: number, c: number, value: number, options = {}) => {
      const classProbs = probs.slice();
      classProbs[r * classes + c] = value;
      return fusedClassLoss({ classProbs, labels }, options).loss;
    };
    for (const grad of [true, false])
      for (const labelSmoothing of [0, 0.1])
        for (const [c, value] of [
          [1, 5],
          [1, -0.5],
          [classes - 1, 1.002],
          [0, -1e-9],
        ] as const)
          await refuses(
            () => loss(1, c, value, { grad, labelSmoothing }),
            `classProbs[${classes + c}] is ${Math.fround(value)};`,
          );
    for (const value of [1.0009, 0, -0]) assert.ok(Number.isFinite(loss(1, 1, value)), `${value}`);
    for (const value of [Number.NaN, Infinity, -Infinity])
      assert.ok(Number.isNaN(loss(1, 2, value)), `${value}`);
    assert.is(loss(4, 1, 5), loss(4, 1, 0.5));
  });

test('of both, the probability is told of', async () => {
  const { maskLogits, maskTargets } = inputs();
  const classProbs = distributions(4);
  maskTargets[pixels] = 9;
  const call = () => fusedLoss({ classProbs, maskLogits, maskTargets, labels }, options);
  await refuses(call, `maskTargets[${pixels}] is 9;`);
  classProbs[8 * 4 + 2] = 2;
  await refuses(call, 'classProbs[34] is 2;');
});

test('the reference knows the same values', () => {
  const values = [0, 1, -0, 1 + 1e-6, -1e-6, 1.00001, -1e-5, 1.0009, 1.002, -1e-9, 5, Number.NaN, Infinity];
  for (const value of values)
    for (const name of ['maskTargets', 'classProbs'] as const) {
      const { maskLogits, maskTargets } = inputs();
      const given = { classProbs: distributions(4), maskLogits, maskTargets, labels };
      given[name][name === 'maskTargets' ? 7 * pixels + 5 : 7 * 4 + 1] = value;
      let told: string | undefined;
      try {
        fusedLoss(given, options);
      } catch (error) {
        assert.is((error as RoiLossError).code, 'ERR_ROI_LOSS_VALUE');
        told = (error as Error).message;
      }
      const bad = badValueOf(given);
      assert.is(told === undefined, bad === undefined, `${value} in ${name}: ${told}`);
      if (bad) assert.match(told as string, `${bad.argument}[${bad.index}] is ${bad.value};`);
    }
});

const places = { classProbs: 7 * 4 + 3, maskTargets: 5 * pixels + 30 } as const;

for (const dtype of ['float32', 'float16', 'bfloat16'] as const satisfies readonly FloatType[])
  for (const name of ['classProbs', 'maskTargets'] as const)
    test(`in a batch and captured: ${name}, ${dtype}`, async () => {
      const { to, from } = dtype === 'float32' ? { to: Math.fround, from: Math.fround } : halves[dtype];
      const { boxDeltas, boxTargets, maskLogits, maskTargets } = inputs();
      const good = { classProbs: distributions(4), boxDeltas, maskLogits, maskTargets };
      const given = Object.fromEntries(
        Object.entries(good).map(([key, array]) => {
          const numbers = array.map((x) => from(to(x)));
          return [key, dtype === 'float32' ? numbers : Uint16Array.from(array, to)];
        }),
      );
      using batch = device.batch({
        ...{ rois, ...options, probabilities: true, dtype, maskTargetType: dtype },
      });
      batch.write({ ...given, boxTargets, labels });
      const step = () => fusedLoss(batch, { mask: { kind: 'dice' } });
      const before = await step().losses();
      assert.ok(Number.isFinite(before.total));
      using graph = batch.capture(step);
      const bad = given[name]?.slice() as Float32Array;
      bad[places[name]] = to(3);
      batch.write({ [name]: bad });
      for (const attempt of [step, () => graph.launch()])
        await refuses(async () => attempt().losses(), `${name}[${places[name]}] is 3;`);
      await refuses(async () => step().lossesSync(), `${name}[${places[name]}] is 3;`);
      batch.write(given);
      assert.equal(await step().losses(), before, 'the device goes on');
      assert.equal(await graph.launch().losses(), before);
    });

/** A batch whose steps are enqueued on every device, with a bad target, and what is right without that RoI. */
function queuedBatch() {
  const rois = unlessSimulated(2048, 8);
  const sizes = { rois, classes: 2, maskSize: [28, 28] as const };
  const good = inputsOf(7, { ...sizes, maskChannels: 1, leastLabel: 1 });
  const { maskLogits, maskTargets, labels } = good;
  const batch = device.batch({ ...sizes, maskChannels: 1, terms: ['mask'] });
  const bad = maskTargets.slice();
  bad[3 * 784 + 9] = 255;
  batch.write({ maskLogits, maskTargets: bad, labels });
  return { batch, maskTargets, expected: () => referenceLoss({ maskLogits, maskTargets, labels }, sizes) };
}

const word = `maskTargets[${3 * 784 + 9}] is 255;`;

test('a step that is enqueued tells of it whenever it is asked; the others are right', async () => {
  const { batch, maskTargets, expected } = queuedBatch();
  const step = fusedMaskLoss(batch, { reduction: 'none' });
  for (const attempt of [() => step.loss(), () => step.loss(), () => step.lossSync(), () => step.perRoi()])
    await refuses(attempt, word);
  await device.synchronize(); // has nothing to add
  const { losses, grads } = expected();
  const grad = (await fusedMaskLoss(batch)
    .loss()
    .catch(() => batch.grads.maskLogits.read())) as Float32Array;
  const own = (array: ArrayLike<number>) => Array.from(array).filter((_, i) => Math.floor(i / 784) !== 3);
  assertClose(own(grad), own(grads.maskLogits as Float64Array), 'maskLogits');
  batch.write({ maskTargets });
  assertLosses({ ...losses, ...(await fusedLoss(batch).losses()) }, losses);
  batch.dispose();
});

test('what a refused step leaves by RoI is not taken for that of the step before', async () => {
  const { maskLogits, maskTargets } = inputs();
  using batch = device.batch({ rois, ...options, terms: ['mask'] });
  batch.write({ maskLogits, maskTargets, labels });
  const before = fusedMaskLoss(batch, { reduction: 'none' });
  await before.loss();
  maskTargets[pixels] = 2;
  batch.write({ maskTargets });
  await refuses(
    async () => fusedMaskLoss(batch, { reduction: 'none' }).loss(),
    `maskTargets[${pixels}] is 2;`,
  );
  await throws(() => before.perRoi(), Error, 'ERR_ROI_LOSS_STALE');
});

test('synchronize() tells of it once where nobody awaited the step', async () => {
  const { batch, maskTargets } = queuedBatch();
  fusedMaskLoss(batch);
  batch.write({ maskTargets });
  fusedMaskLoss(batch);
  await refuses(() => device.synchronize(), word);
  await device.synchronize();
  batch.dispose();
});

test('read() tells of it once where nobody awaited the step', async () => {
  const { batch } = queuedBatch();
  fusedMaskLoss(batch);
  await refuses(() => batch.grads.maskLogits.read(), word);
  await batch.grads.maskLogits.read();
  batch.dispose();
});

test.run();
