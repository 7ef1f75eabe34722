import { fusedClassLoss, fusedLoss, fusedMaskLoss, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceClassMetrics, referenceMaskMetrics } from './reference';
import { inputsOf } from './support/random';

const test = suite('metrics');

test('class metrics of a case done by hand', () => {
  const { metrics } = fusedClassLoss(
    {
      // Right, taken for background, the first of equal scores, ignored, background right.
      classLogits: Float32Array.of(0, 9, 1, 5, 1, 2, 1, 3, 3, 9, 0, 0, 7, 1, 1),
      labels: Int32Array.of(1, 2, 1, -1, 0),
    },
    { metrics: true },
  );
  assert.equal(metrics, { classAccuracy: 3 / 4, foregroundAccuracy: 2 / 3, falseNegatives: 1 / 3 });
});

test('mask metrics of a case done by hand', () => {
  const { metrics } = fusedMaskLoss(
    {
      maskLogits: Float32Array.of(1, 1, -1, -1, 9, 9, 9, 9),
      maskTargets: Float32Array.of(1, 0, 1, 0.4, 0, 0, 0, 0),
      labels: Int32Array.of(1, 0),
    },
    { classes: 2, maskSize: [2, 2], metrics: true },
  );
  assert.equal(metrics, { pixelAccuracy: 0.5, falsePositives: 0.5, falseNegatives: 0.5 });
});

test('against the reference, on arrays and handles', async () => {
  const sizes = { rois: 60, classes: 4, maskSize: [9, 5] as const };
  const inputs = inputsOf(1, { ...sizes, maskChannels: 1 });
  const { classLogits, maskLogits, maskTargets, labels } = inputs;
  const expected = {
    class: referenceClassMetrics(classLogits, labels),
    mask: referenceMaskMetrics(maskLogits, maskTargets, labels),
  };
  assert.equal(fusedLoss(inputs, { classes: 4, maskSize: [9, 5], metrics: true }).metrics, expected);
  const batch = openDevice('cpu').batch({ ...sizes, maskChannels: 1 });
  batch.write(inputs);
  assert.equal(await fusedLoss(batch, { metrics: true }).metrics(), expected);
  assert.equal(await fusedLoss(batch, { class: { metrics: true } }).metrics(), { class: expected.class });
  assert.equal(await fusedMaskLoss(batch, { metrics: true, grad: false }).metrics(), expected.mask);
  assert.is(await fusedLoss(batch).metrics(), undefined);
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
