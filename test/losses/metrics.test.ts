import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceClassMetrics, referenceMaskMetrics } from '../../lib/reference/metrics';
import { inputsOf } from '../../lib/reference/random';
import { fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice } from '../support/device';

const test = suite('metrics');

test('class metrics of a case done by hand', () => {
  const { metrics } = fusedClassLoss(
    {
      // Right, taken for background, the first of equal scores, ignored, background right; where background and a class
      // are equal the class is predicted, twice.
      classLogits: Float32Array.of(0, 9, 1, 5, 1, 2, 1, 3, 3, 9, 0, 0, 7, 1, 1, 4, 0, 4, 2, 2, 2),
      labels: Int32Array.of(1, 2, 1, -1, 0, 2, 0),
    },
    { metrics: true },
  );
  assert.equal(metrics, { classAccuracy: 4 / 6, foregroundAccuracy: 3 / 4, falseNegatives: 1 / 4 });
});

test('mask metrics of a case done by hand', () => {
  const { metrics } = fusedMaskLoss(
    {
      // A logit of 0 is background, and so is a target of ½. The second RoI does not count.
      maskLogits: Float32Array.of(1, 1, -1, 0, 9, 9, 9, 9),
      maskTargets: Float32Array.of(0.50001, 0.5, 0.6, 0.5, 0, 0, 0, 0),
      labels: Int32Array.of(1, 0),
    },
    { classes: 2, maskSize: [2, 2], metrics: true },
  );
  assert.equal(metrics, { pixelAccuracy: 0.5, falsePositives: 0.5, falseNegatives: 0.5 });
});

const sizes = { rois: 60, classes: 4, maskSize: [9, 5] as const };

for (const layout of ['nchw', 'nhwc'] as const)
  for (const maskChannels of [4, 3, 1])
    test(`against the reference, on arrays and handles: ${layout}, ${maskChannels} channels`, async () => {
      const options = { classes: 4, maskSize: [9, 5] as const, layout };
      const inputs = inputsOf(1, { ...sizes, maskChannels });
      const expected = {
        class: referenceClassMetrics(inputs.classLogits, inputs.labels),
        mask: referenceMaskMetrics(inputs, options),
      };
      assert.equal(fusedLoss(inputs, { ...options, metrics: true }).metrics, expected);
      const batch = openTestDevice().batch({ ...sizes, maskChannels, layout });
      batch.write(inputs);
      assert.equal(await fusedLoss(batch, { metrics: true }).metrics(), expected);
      assert.equal(await fusedLoss(batch, { class: { metrics: true } }).metrics(), { class: expected.class });
      assert.equal(await fusedClassLoss(batch, { metrics: true }).metrics(), expected.class);
      assert.equal(await fusedMaskLoss(batch, { metrics: true, grad: false }).metrics(), expected.mask);
      assert.is(await fusedLoss(batch).metrics(), undefined);
    });

test('bytes for targets, probabilities, masks of their own RoIs', () => {
  const { classLogits, labels } = inputsOf(3, sizes);
  const masks = inputsOf(4, { ...sizes, rois: 20 });
  const inputs = {
    classProbs: classLogits.map((x) => Math.abs(x) / 4),
    labels,
    maskLogits: masks.maskLogits,
    maskTargets: Uint8Array.from(masks.maskTargets, (y) => (y < 0.5 ? 0 : 255)),
    maskLabels: masks.labels,
  };
  const options = { classes: 4, maskSize: [9, 5] as const };
  assert.equal(fusedLoss(inputs, { ...options, metrics: true }).metrics, {
    class: referenceClassMetrics(inputs.classProbs, labels),
    mask: referenceMaskMetrics(inputs, options),
  });
});

test('nothing to count gives 0, not NaN', () => {
  const inputs = inputsOf(2, { rois: 3, classes: 2, maskSize: [2, 2] });
  inputs.labels.fill(-1);
  const { metrics } = fusedLoss(inputs, { classes: 2, maskSize: [2, 2], metrics: true });
  assert.equal(metrics, {
    class: { classAccuracy: 0, foregroundAccuracy: 0, falseNegatives: 0 },
    mask: { pixelAccuracy: 0, falsePositives: 0, falseNegatives: 0 },
  });
});

test.run();
