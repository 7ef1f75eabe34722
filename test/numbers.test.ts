import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from './reference';
import { assertClose, assertLoss, assertLosses, assertSame } from './support/close';
import { type AllInputs, inputsOf } from './support/random';

const test = suite('numbers');

const options = { classes: 4, maskSize: [6, 6] as const };
const kinds = ['bce', 'dice', 'smoothed-bce', { bce: 0.3, dice: 0.3, 'smoothed-bce': 0.4 }] as const;
const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const scored = () => inputsOf(11, { rois: 5, ...options, leastLabel: 1 });
const allFinite = (array: Float32Array) => array.every(Number.isFinite);

for (const kind of kinds) {
  const name = JSON.stringify(kind);

  test(`logits of ±1e4 stay finite: ${name}`, () => {
    const inputs = scored();
    for (const array of [inputs.classLogits, inputs.maskLogits])
      array.forEach((z, i) => {
        array[i] = z > 0 ? 1e4 : -1e4;
      });
    const { losses, grads } = fusedLoss(inputs, { ...options, mask: { kind } });
    const expected = referenceLoss(inputs, { ...options, mask: { kind } });
    assert.ok(Number.isFinite(losses.total) && allFinite(grads.classLogits) && allFinite(grads.maskLogits));
    assertLosses(losses, expected.losses);
    assertClose(grads.maskLogits, expected.grads.maskLogits, 'maskLogits');
  });

  test(`losses near 0 keep their relative accuracy: ${name}`, () => {
    const inputs = scored();
    inputs.maskLogits.forEach((z, i) => {
      inputs.maskLogits[i] = z > 0 ? 15 : -15;
    });
    // Targets that agree with the label's channel.
    inputs.labels.fill(1);
    inputs.maskTargets.forEach((_, i) => {
      const [p, pixel] = [Math.floor(i / 36), i % 36];
      inputs.maskTargets[i] = (inputs.maskLogits[(p * 4 + 1) * 36 + pixel] as number) > 0 ? 1 : 0;
    });
    const { losses, grads } = fusedLoss(inputs, { ...options, mask: { kind } });
    const expected = referenceLoss(inputs, { ...options, mask: { kind } });
    assertLoss(losses.mask, expected.losses.mask);
    // Relative to the gradients themselves, which are tiny here.
    const largest = Math.max(...(expected.grads.maskLogits as Float64Array).map(Math.abs));
    grads.maskLogits.forEach((g, i) => {
      assert.ok(Math.abs(g - ((expected.grads.maskLogits as Float64Array)[i] as number)) <= 1e-6 * largest);
    });
  });

  test(`a logit that is no number makes the loss NaN and touches its own RoI alone: ${name}`, () => {
    const good = scored();
    const before = fusedMaskLoss(pick(good), { ...options, kind });
    for (const x of bad) {
      const inputs = scored();
      const at = (2 * 4 + (inputs.labels[2] as number)) * 36 + 7;
      inputs.maskLogits[at] = x;
      const { loss, grad } = fusedMaskLoss(pick(inputs), { ...options, kind });
      assert.ok(Number.isNaN(loss), `${x} gave ${loss}`);
      for (const p of [0, 1, 3, 4])
        assertSame(grad.slice(p * 144, (p + 1) * 144), before.grad.slice(p * 144, (p + 1) * 144), `RoI ${p}`);
    }
  });
}

function pick({ maskLogits, maskTargets, labels }: AllInputs) {
  return { maskLogits, maskTargets, labels };
}

test('a class score that is no number makes the loss NaN and touches its own row alone', () => {
  for (const labelSmoothing of [0, 0.1])
    for (const name of ['classLogits', 'classProbs'])
      for (const x of bad) {
        const { classLogits, labels } = scored();
        const scores = classLogits.map(Math.abs);
        const before = fusedClassLoss({ [name]: scores.slice(), labels } as never, { labelSmoothing });
        scores[2 * 4 + ((labels[2] as number) % 3) + 1] = x;
        scores[2 * 4] = x;
        const { loss, grad } = fusedClassLoss({ [name]: scores, labels } as never, { labelSmoothing });
        assert.ok(Number.isNaN(loss), `${name} ${x} gave ${loss}`);
        for (const r of [0, 1, 3, 4])
          assertSame(grad.slice(r * 4, r * 4 + 4), before.grad.slice(r * 4, r * 4 + 4), `row ${r}`);
      }
});

test('a delta or target that is no number makes the box loss NaN', () => {
  for (const x of bad)
    for (const name of ['boxDeltas', 'boxTargets'] as const) {
      const { boxDeltas, boxTargets, labels } = scored();
      const inputs = { boxDeltas, boxTargets, labels };
      inputs[name][name === 'boxDeltas' ? (1 * 4 + (labels[1] as number)) * 4 + 2 : 1 * 4 + 2] = x;
      assert.ok(Number.isNaN(fusedBoxLoss(inputs, { classes: 4 }).loss), `${name} ${x}`);
    }
});

test('a class score of its own that is very likely keeps relative accuracy', () => {
  const inputs = { classLogits: Float32Array.of(0, 18, 1, 30, 2, 1), labels: Int32Array.of(1, 0) };
  const expected = referenceLoss(inputs, { classes: 3 });
  const { losses, grads } = fusedLoss(inputs);
  assertLoss(losses.class, expected.losses.class);
  grads.classLogits.forEach((g, i) => {
    const exact = (expected.grads.classLogits as Float64Array)[i] as number;
    assert.ok(Math.abs(g - exact) <= 1e-6 * Math.abs(exact), `${i}: ${g} and ${exact}`);
  });
});

test('what background and ignored RoIs hold is never read', () => {
  const inputs = inputsOf(5, { rois: 6, ...options });
  inputs.labels.set([0, 2, -1, 1, 0, 3]);
  const before = fusedLoss(inputs, options);
  const poison = (array: Float32Array, begin: number, end: number) => array.fill(Number.NaN, begin, end);
  for (const r of [0, 2, 4]) {
    poison(inputs.boxDeltas, r * 16, (r + 1) * 16);
    poison(inputs.boxTargets, r * 4, (r + 1) * 4);
    poison(inputs.maskLogits, r * 144, (r + 1) * 144);
    poison(inputs.maskTargets, r * 36, (r + 1) * 36);
  }
  poison(inputs.classLogits, 2 * 4, 3 * 4);
  // Channels other than the label's.
  poison(inputs.maskLogits, (1 * 4 + 3) * 36, (1 * 4 + 4) * 36);
  const after = fusedLoss(inputs, options);
  assert.equal(after.losses, before.losses);
  assertSame(after.grads.boxDeltas, before.grads.boxDeltas, 'boxDeltas');
  assertSame(after.grads.maskLogits, before.grads.maskLogits, 'maskLogits');
});

test('nothing to count is a loss of 0 with gradients of 0', () => {
  for (const kind of kinds)
    for (const fill of [0, -1]) {
      const inputs = inputsOf(3, { rois: 4, ...options });
      inputs.labels.fill(fill);
      const { losses, grads } = fusedLoss(inputs, { ...options, mask: { kind }, metrics: true });
      assert.is(losses.box, 0);
      assert.is(losses.mask, 0);
      if (fill === -1) assert.is(losses.total, 0);
      assert.ok(grads.boxDeltas.every((g) => g === 0) && grads.maskLogits.every((g) => g === 0));
      const none = fusedLoss(inputsOf(3, { rois: 0, ...options }), { ...options, mask: { kind } });
      assert.equal(none.losses, { total: 0, class: 0, box: 0, mask: 0 });
    }
  const classWeights = Float32Array.of(0, 0);
  const zero = fusedClassLoss(
    { classLogits: Float32Array.of(1, 2), labels: Int32Array.of(0) },
    { classWeights },
  );
  assert.is(zero.loss, 0);
});

test('an empty target with an empty prediction is a dice of 0', () => {
  const inputs = {
    maskLogits: new Float32Array(36).fill(-1e4),
    maskTargets: new Float32Array(36),
    labels: Int32Array.of(1),
  };
  const { loss, grad } = fusedMaskLoss(inputs, { classes: 2, maskSize: [6, 6], kind: 'dice' });
  assert.is(loss, 0);
  assert.ok(grad.every((g) => g === 0));
});

test('sums stay right over 2^20 RoIs', () => {
  const rois = 2 ** 20;
  // 0.1 is no float: a sum in float32 would be off in the fourth digit.
  const inputs = {
    boxDeltas: new Float32Array(rois * 4).fill(0.1),
    boxTargets: new Float32Array(rois * 4),
    classLogits: new Float32Array(rois * 2).map((_, i) => (i % 2) * 3),
    labels: new Int32Array(rois).fill(1),
  };
  const { losses } = fusedLoss(inputs, { classes: 2, reduction: 'sum', box: { beta: 0 } });
  assertLoss(losses.box, rois * 4 * Math.fround(0.1));
  assertLoss(losses.class, rois * Math.log1p(Math.exp(-3)));
});

test('sums stay right over large masks', () => {
  const pixels = 2000 * 2000;
  const inputs = {
    maskLogits: new Float32Array(pixels).fill(0.1),
    maskTargets: new Float32Array(pixels).fill(0.3),
    labels: Int32Array.of(1),
  };
  const one = { ...inputs, maskLogits: Float32Array.of(0.1), maskTargets: Float32Array.of(0.3) };
  for (const kind of ['bce', 'smoothed-bce'] as const) {
    const expected = referenceLoss(one, { classes: 2, maskSize: [1, 1], mask: { kind } }).losses.mask;
    assertLoss(fusedMaskLoss(inputs, { classes: 2, maskSize: [2000, 2000], kind }).loss, expected);
  }
  const sigmoid = 1 / (1 + Math.exp(-Math.fround(0.1)));
  const y = Math.fround(0.3);
  const dice = 1 - (2 * sigmoid * y) / (sigmoid + y);
  assertLoss(fusedMaskLoss(inputs, { classes: 2, maskSize: [2000, 2000], kind: 'dice' }).loss, dice);
});

test.run();
