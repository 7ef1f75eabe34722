import { type FloatType, fusedClassLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { referenceClassMetrics } from '../../lib/reference/metrics';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { assertLoss } from '../support/close';
import { openTestDevice } from '../support/device';
import { assertCloseAs, inputsAs } from '../support/half';

// Numbers of classes at which CUDA takes rows otherwise: eight to a block, one to a block, and too long for its
// shared memory. An odd number of them lies at any address.

const test = suite('class rows');

const device = openTestDevice();
const rois = 9;

for (const [dtype, classes] of [
  ['float32', 1471],
  ['float32', 1472],
  ['float32', 5001],
  ['float32', 11_769],
  ['float16', 2943],
  ['bfloat16', 2945],
  ['float16', 23_537],
] as const satisfies readonly (readonly [FloatType, number])[]) {
  const batch = device.batch({ rois, classes, dtype, terms: ['class'] });
  const { arrays, exact } = inputsAs(dtype, inputsOf(classes, { rois, classes, maskSize: [1, 1] }));
  const labels = Int32Array.from({ length: rois }, (_, r) => (r === 4 ? -1 : (r * 977) % classes));
  const { classLogits } = exact;
  // Sums make gradients that are large enough for float16.
  const options = { reduction: 'sum', gradScale: 64 } as const;

  test(`${classes} classes, ${dtype}`, async () => {
    batch.write({ classLogits: arrays.classLogits, labels });
    const expected = referenceLoss({ classLogits, labels }, { classes, ...options });
    const step = fusedClassLoss(batch, { ...options, metrics: true });
    assertLoss(await step.loss(), expected.losses.class);
    assert.equal(await step.metrics(), referenceClassMetrics(classLogits, labels));
    assertCloseAs(dtype, await batch.grads.classLogits.read(), expected.grads.classLogits, 'classLogits');
  });

  test(`${classes} classes, ${dtype}, smoothed and weighted`, async () => {
    const classWeights = floats(random(1), classes, 1).map(Math.abs);
    const term = { ...options, classWeights, labelSmoothing: 0.1 };
    batch.write({ classLogits: arrays.classLogits, labels });
    const expected = referenceLoss({ classLogits, labels }, { classes, class: term });
    assertLoss(await fusedClassLoss(batch, term).loss(), expected.losses.class);
    assertCloseAs(dtype, await batch.grads.classLogits.read(), expected.grads.classLogits, 'classLogits');
  });
}

for (const classes of [1472, 11_769])
  test(`${classes} classes, probabilities`, async () => {
    const classProbs = floats(random(2), rois * classes, 1).map((x) => 0.05 + 0.9 * Math.abs(x));
    const labels = Int32Array.from({ length: rois }, (_, r) => r * 3);
    const batch = device.batch({ rois, classes, terms: ['class'], probabilities: true });
    batch.write({ classProbs, labels });
    const expected = referenceLoss({ classProbs, labels }, { classes });
    assertLoss(await fusedClassLoss(batch).loss(), expected.losses.class);
    assertCloseAs('float32', await batch.grads.classProbs.read(), expected.grads.classProbs, 'classProbs');
  });

test.run();
