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

// On the CPU rows of up to 16 classes are computed side by side.
for (const classes of [2, 3, 5, 15, 16, 17]) {
  const rois = 37;
  const next = random(classes);
  // Some rows whose label is all but certain, or all but impossible; some with equal logits; some that are ignored.
  const classLogits = floats(next, rois * classes);
  const labels = Int32Array.from({ length: rois }, (_, r) =>
    r % 7 === 3 ? -1 : Math.floor(next() * classes),
  );
  for (let r = 0; r < rois; r++) {
    const row = classLogits.subarray(r * classes, (r + 1) * classes);
    if (r % 5 === 1) row[Math.max(labels[r]!, 0)]! += r % 2 ? 20 : -20;
    if (r % 11 === 5) row.fill(r - 20);
  }
  const classWeights = floats(next, classes, 1).map(Math.abs);
  const backward = floats(next, rois, 1);
  const options = { classWeights, backward, reduction: 'none' } as const;

  test(`${classes} classes in ${rois} rows, certain and impossible labels among them`, async () => {
    const batch = device.batch({ rois, classes, terms: ['class'] });
    batch.write({ classLogits, labels });
    const expected = referenceLoss({ classLogits, labels }, { classes, class: options });
    const losses = await fusedClassLoss(batch, options).perRoi();
    for (let r = 0; r < rois; r++) assertLoss(losses[r]!, expected.perRoi.class![r]!, `perRoi[${r}]`);
    const grads = await batch.grads.classLogits.read();
    assertCloseAs('float32', grads, expected.grads.classLogits, 'classLogits');
  });

  test(`${classes} classes: a row is the same whatever lies beside it`, async () => {
    const all = device.batch({ rois, classes, terms: ['class'] });
    all.write({ classLogits, labels });
    const losses = await fusedClassLoss(all, { reduction: 'none' }).perRoi();
    const grads = await all.grads.classLogits.read();
    const one = device.batch({ rois: 1, classes, terms: ['class'] });
    for (let r = 0; r < rois; r += 5) {
      const row = [r * classes, (r + 1) * classes] as const;
      one.write({ classLogits: classLogits.slice(...row), labels: labels.slice(r, r + 1) });
      assert.equal(await fusedClassLoss(one, { reduction: 'none' }).perRoi(), losses.slice(r, r + 1));
      assert.equal(await one.grads.classLogits.read(), grads.slice(...row));
    }
  });
}

test.run();
