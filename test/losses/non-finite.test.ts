import type { FloatType } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AllInputs, floats, inputsOf, random } from '../../lib/reference/random';
import { assertSame } from '../support/close';
import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice } from '../support/device';
import { halves } from '../support/half';
import { maskLosses as kinds } from '../support/kinds';

// A NaN or an infinity in what a RoI's loss reads makes the loss NaN, and touches that RoI alone; in what it does not
// read, nothing happens.

const test = suite('non-finite');

const options = { classes: 4, maskSize: [6, 6] as const };
const layouts = ['nchw', 'nhwc'] as const;
const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const scored = () => inputsOf(11, { rois: 5, ...options, leastLabel: 1 });

interface Result {
  readonly loss: number;
  readonly grad: Float32Array;
  readonly perRoi?: Float32Array;
}

/** What comes of a value that is put into RoI `r`: its loss is NaN, the others' losses and gradients keep their bits. */
function assertPoisoned(what: string, before: Result, after: Result, r: number): void {
  assert.ok(Number.isFinite(before.loss), `${what}: ${before.loss} without it`);
  assert.ok(Number.isNaN(after.loss), `${what}: the loss is ${after.loss}`);
  const perRoi = after.perRoi as Float32Array;
  const size = after.grad.length / perRoi.length;
  for (let i = 0; i < perRoi.length; i++) {
    if (i === r) {
      assert.ok(Number.isNaN(perRoi[i]), `${what}: the RoI's loss is ${perRoi[i]}`);
      continue;
    }
    assert.is(perRoi[i], before.perRoi?.[i], `${what}: RoI ${i}`);
    const row = (grad: Float32Array) => grad.subarray(i * size, (i + 1) * size);
    assertSame(row(after.grad), row(before.grad), `${what}: RoI ${i}`);
  }
}

for (const kind of kinds)
  for (const layout of layouts)
    test(`a mask logit or target: ${JSON.stringify(kind)}, ${layout}`, () => {
      const run = ({ maskLogits, maskTargets, labels }: AllInputs) =>
        fusedMaskLoss({ maskLogits, maskTargets, labels }, { ...options, kind, layout, reduction: 'none' });
      const before = run(scored());
      for (const x of bad)
        for (const name of ['maskLogits', 'maskTargets'] as const)
          for (const pixel of [0, 7, 35]) {
            const inputs = scored();
            const u = inputs.labels[2] as number;
            const logit = layout === 'nhwc' ? (2 * 36 + pixel) * 4 + u : (2 * 4 + u) * 36 + pixel;
            inputs[name][name === 'maskLogits' ? logit : 2 * 36 + pixel] = x;
            assertPoisoned(`${x} in ${name}`, before, run(inputs), 2);
          }
    });

for (const name of ['classLogits', 'classProbs'] as const)
  for (const labelSmoothing of [0, 0.1])
    test(`a class score, anywhere in its row: ${name}, label smoothing ${labelSmoothing}`, () => {
      for (const classes of [2, 4, 21, 81, 1204]) {
        const scores = floats(random(classes), 5 * classes, 1).map(Math.abs); // probabilities as well
        const labels = Int32Array.of(0, 1, classes - 1, 1, 0);
        const run = (scores: Float32Array) =>
          fusedClassLoss({ [name]: scores, labels } as never, { labelSmoothing, reduction: 'none' });
        const before = run(scores);
        for (let c = 0; c < classes; c += classes > 100 ? 97 : 1)
          for (const x of bad) {
            const poisoned = scores.slice();
            poisoned[2 * classes + c] = x;
            assertPoisoned(`${x} in class ${c} of ${classes}`, before, run(poisoned), 2);
          }
      }
    });

test('a box delta or target', () => {
  for (const beta of [0, 1]) {
    const run = ({ boxDeltas, boxTargets, labels }: AllInputs) =>
      fusedBoxLoss({ boxDeltas, boxTargets, labels }, { classes: 4, beta, reduction: 'none' });
    const before = run(scored());
    for (const x of bad)
      for (const name of ['boxDeltas', 'boxTargets'] as const)
        for (let i = 0; i < 4; i++) {
          const inputs = scored();
          const row = name === 'boxDeltas' ? 1 * 4 + (inputs.labels[1] as number) : 1;
          inputs[name][row * 4 + i] = x;
          assertPoisoned(`${x} in ${name}, beta ${beta}`, before, run(inputs), 1);
        }
  }
});

for (const dtype of ['float16', 'bfloat16'] as const satisfies readonly FloatType[])
  test(`in ${dtype}`, async () => {
    const { to } = halves[dtype];
    const bits = (array: Float32Array) => Uint16Array.from(array, to);
    const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels } = scored();
    const batch = openTestDevice().batch({ rois: 5, ...options, dtype });
    const all = {
      classLogits: bits(classLogits),
      boxDeltas: bits(boxDeltas),
      boxTargets,
      maskLogits: bits(maskLogits),
      maskTargets,
      labels,
    };
    const u = labels[3] as number;
    const places = { classLogits: 3 * 4, boxDeltas: (3 * 4 + u) * 4 + 1, maskLogits: (3 * 4 + u) * 36 + 5 };
    for (const [name, at] of Object.entries(places) as [keyof typeof places, number][])
      for (const x of bad) {
        const poisoned = all[name].slice();
        poisoned[at] = to(x);
        batch.write({ ...all, [name]: poisoned });
        const term = { classLogits: 'class', boxDeltas: 'box', maskLogits: 'mask' } as const;
        const losses = await fusedLoss(batch).losses();
        for (const each of ['class', 'box', 'mask'] as const)
          assert.is(Number.isNaN(losses[each]), each === term[name], `${x} in ${name}: ${each}`);
        assert.ok(Number.isNaN(losses.total));
      }
  });

for (const layout of layouts)
  test(`what no loss reads: ${layout}`, () => {
    const inputs = inputsOf(5, { rois: 6, ...options });
    inputs.labels.set([0, 2, -1, 1, 0, 3]);
    const before = fusedLoss(inputs, { ...options, layout });
    const background = (r: number) => (inputs.labels[r] as number) < 1;
    const poison = (array: Float32Array, isUnread: (r: number, i: number) => boolean) => {
      const size = array.length / 6;
      array.forEach((_, i) => {
        if (isUnread(Math.floor(i / size), i % size)) array[i] = bad[i % 3] as number;
      });
    };
    poison(inputs.classLogits, (r) => inputs.labels[r] === -1);
    poison(inputs.boxTargets, background);
    poison(inputs.maskTargets, background);
    poison(inputs.boxDeltas, (r, i) => background(r) || Math.floor(i / 4) !== inputs.labels[r]);
    const channel = (i: number) => (layout === 'nhwc' ? i % 4 : Math.floor(i / 36));
    poison(inputs.maskLogits, (r, i) => background(r) || channel(i) !== inputs.labels[r]);
    const after = fusedLoss(inputs, { ...options, layout });
    assert.equal(after.losses, before.losses);
    for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
      assertSame(after.grads[name], before.grads[name], name);
  });

test.run();
