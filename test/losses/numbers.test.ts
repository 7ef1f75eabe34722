import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { assertClose, assertLoss, assertLosses } from '../support/close';
import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss, unlessSimulated } from '../support/device';
import { maskLosses as kinds } from '../support/kinds';

const test = suite('numbers');

const options = { classes: 4, maskSize: [6, 6] as const };
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
    for (const name of ['classLogits', 'maskLogits'] as const)
      assertClose(grads[name], expected.grads[name], name);
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
    assertClose(grads.maskLogits, expected.grads.maskLogits, 'maskLogits');
  });
}

test('a pixel keeps its relative accuracy, whatever the magnitude of its logit', () => {
  const magnitudes = Array.from({ length: 400 }, (_, i) => 2 ** (i / 2 - 120));
  const maskLogits = Float32Array.from(magnitudes.flatMap((z) => [z, -z]));
  const rois = maskLogits.length;
  for (const target of [0, 1, 0.3])
    for (const kind of ['bce', 'dice'] as const) {
      const inputs = {
        maskLogits,
        maskTargets: new Float32Array(rois).fill(target),
        labels: new Int32Array(rois).fill(1),
      };
      const options = { classes: 2, maskSize: [1, 1] as const, reduction: 'none' as const };
      const { perRoi, grad } = fusedMaskLoss(inputs, { ...options, kind });
      const expected = referenceLoss(inputs, { ...options, mask: { kind } });
      maskLogits.forEach((z, r) => {
        const what = `${kind} of ${z} against ${target}`;
        const [loss, exact] = [perRoi?.[r] ?? Number.NaN, expected.perRoi.mask![r]!];
        // An exponential below the smallest normal float is 0; the eps of dice makes it a loss of 1e6 times as much.
        if (exact > (kind === 'dice' ? 1.2e-32 : 1.2e-38) || loss !== 0) assertLoss(loss, exact, what);
        const slope = expected.grads.maskLogits![r]!;
        if (kind === 'bce' && target !== 0.3 && Math.abs(slope) > 1.2e-38)
          assertLoss(grad![r]!, slope, `the gradient of ${what}`);
      });
    }
});

test('a smoothing that float64 cannot take from 1 is there all the same', () => {
  const inputs = {
    labels: Int32Array.of(1),
    maskLogits: Float32Array.of(89),
    maskTargets: Float32Array.of(1),
  };
  const smoothed = { kind: 'smoothed-bce', smoothing: 1e-30, classes: 2, maskSize: [1, 1] } as const;
  const expected = (89 * Math.fround(1e-30)) / 2; // beside it e^−89 is nothing
  assertLoss(fusedMaskLoss(inputs, smoothed).loss, expected);
  assertLoss(referenceLoss(inputs, { ...smoothed, mask: smoothed }).losses.mask, expected);
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

test('at its kinks L1 has a derivative of 0, and smooth L1 one of ±1', () => {
  const inputs = {
    boxDeltas: Float32Array.of(0, 1, 0.5, -0.5),
    boxTargets: Float32Array.of(0, 1, 0, 0),
    labels: Int32Array.of(1),
  };
  assert.equal(fusedBoxLoss(inputs, { classes: 2, beta: 0 }).grad, Float32Array.of(0, 0, 1, -1));
  assert.equal(fusedBoxLoss(inputs, { classes: 2, beta: 0.5 }).grad, Float32Array.of(0, 0, 1, -1));
});

test('sums stay right over 2^20 RoIs', () => {
  const rois = unlessSimulated(2 ** 20, 2 ** 12);
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

test('sums stay right over 2^17 masks', () => {
  const inputs = masks(unlessSimulated(2 ** 17, 2 ** 9));
  for (const kind of kinds) {
    const expected = referenceLoss(inputs, { classes: 2, maskSize: [2, 2], mask: { kind } });
    const { loss, grad } = fusedMaskLoss(inputs, { classes: 2, maskSize: [2, 2], kind });
    assertLoss(loss, expected.losses.mask);
    assertClose(grad, expected.grads.maskLogits, 'maskLogits');
  }
});

function masks(rois: number) {
  const sizes = { rois, classes: 2, maskSize: [2, 2], maskChannels: 1 } as const;
  const { maskLogits, maskTargets, labels } = inputsOf(9, sizes);
  return { maskLogits, maskTargets, labels };
}

/** Of one RoI whose pixels are all alike, so that what is rounded away adds up. */
function sumOfAlike(maskSize: readonly [number, number]): void {
  const pixels = maskSize[0] * maskSize[1];
  const inputs = {
    maskLogits: new Float32Array(pixels).fill(0.1),
    maskTargets: new Float32Array(pixels).fill(0.3),
    labels: Int32Array.of(1),
  };
  const one = { ...inputs, maskLogits: Float32Array.of(0.1), maskTargets: Float32Array.of(0.3) };
  for (const kind of ['bce', 'smoothed-bce'] as const) {
    const expected = referenceLoss(one, { classes: 2, maskSize: [1, 1], mask: { kind } }).losses.mask;
    assertLoss(fusedMaskLoss(inputs, { classes: 2, maskSize, kind }).loss, expected);
  }
  const sigmoid = 1 / (1 + Math.exp(-Math.fround(0.1)));
  const y = Math.fround(0.3);
  const dice = 1 - (2 * sigmoid * y) / (sigmoid + y);
  assertLoss(fusedMaskLoss(inputs, { classes: 2, maskSize, kind: 'dice' }).loss, dice);
}

test('sums stay right over large masks', () => {
  const side = unlessSimulated(2000, 512);
  sumOfAlike([side, side]);
  sumOfAlike([side - 1, side + 1]); // no multiple of a vector
});

test('labels that are all but certain keep their relative accuracy', () => {
  const next = random(5);
  for (const gap of [14, 20, 35, 55, 70])
    for (const classes of [2, 3, 21, 100]) {
      const classLogits = floats(next, classes, 6).map((z) => z - gap);
      classLogits[1] = 0.3;
      const inputs = { classLogits, labels: Int32Array.of(1) };
      const expected = referenceLoss(inputs, { classes });
      const { loss, grad } = fusedClassLoss(inputs);
      assertLoss(loss, expected.losses.class);
      assertClose(grad, expected.grads.classLogits);
    }
});

test('a label of little weight, smoothed, and scored far below', () => {
  const next = random(7);
  for (const gap of [1, 2, 8, 20, 60])
    for (const classes of [2, 3, 21, 100])
      for (const weight of [0, 1e-9, 1e-4, 0.01, 1]) {
        const classLogits = floats(next, classes, 1).map((z) => z - gap);
        classLogits[0] = 4;
        const inputs = { classLogits, labels: Int32Array.of(1) };
        // Nothing but log(1 + x) is left of the loss where the weights are 0.
        const classWeights = new Float32Array(classes);
        classWeights[0] = 2;
        classWeights[1] = weight;
        const options = { classWeights, labelSmoothing: 0.1, reduction: 'sum' } as const;
        const expected = referenceLoss(inputs, { classes, class: options });
        const { loss } = fusedClassLoss(inputs, options);
        assertLoss(loss, expected.losses.class, `${classes} classes, ${gap} apart, weight ${weight}`);
      }
});

test.run();
