import { fusedLoss } from 'roi-loss';
import { suite } from 'uvu';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';
import { openTestDevice } from '../support/device';
import { type Attempt, throws } from '../support/throws';

// Labels out of range, which a GPU comes upon within the step: it leaves their RoIs out, and the next await says so.

const test = suite('bad labels on CUDA');

const device = openTestDevice();
const options = { classes: 5, maskSize: [7, 6] as const };
const rois = 9;

/** A batch with two bad labels, and what is right with their RoIs ignored. */
function badBatch() {
  const inputs = inputsOf(1, { rois, ...options, leastLabel: 0 });
  const labels = inputs.labels.slice();
  labels.set([5, 1, -2], 3);
  const batch = device.batch({ rois, ...options });
  batch.write({ ...inputs, labels });
  const ignored = labels.map((label) => (label < 0 || label > 4 ? -1 : label));
  const { losses, grads } = referenceLoss({ ...inputs, labels: ignored }, options);
  return { inputs, batch, grads, losses };
}

const rejects = (attempt: Attempt, ...words: string[]) =>
  throws(attempt, RangeError, 'ERR_ROI_LOSS_LABEL', ...words);

test('the next await names argument, index and value; the other RoIs are right', async () => {
  const { inputs, batch, grads } = badBatch();
  const step = fusedLoss(batch);
  for (let i = 0; i < 2; i++) await rejects(() => step.losses(), 'labels[3] is 5', 'up to 4');
  for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
    assertClose(await batch.grads[name].read(), grads[name], name);
  batch.write(inputs);
  const expected = referenceLoss(inputs, options);
  assertLosses(await fusedLoss(batch).losses(), expected.losses);
  for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
    assertClose(await batch.grads[name].read(), expected.grads[name], name);
});

test('labels of masks of their own', async () => {
  const batch = device.batch({ rois, ...options, maskRois: 4 });
  batch.write({ labels: new Int32Array(rois).fill(1), maskLabels: Int32Array.of(1, 2, 3, -7) });
  await rejects(() => fusedLoss(batch).losses(), 'maskLabels[3] is -7', 'up to 4');
});

for (const [name, attempt] of [
  ['losses', (step) => step.losses()],
  ['lossesSync', (step) => step.lossesSync()],
  ['metrics', (step) => step.metrics()],
  ['perRoi', (step) => step.perRoi()],
] as const satisfies readonly [string, (step: ReturnType<typeof fusedLoss>) => unknown][])
  test(`${name}() tells of them`, async () => {
    const { batch } = badBatch();
    const step = fusedLoss(batch, { reduction: 'none', metrics: true });
    await rejects(() => attempt(step), 'labels[3] is 5', 'up to 4');
    await device.synchronize(); // has nothing to add
  });

test('synchronize() tells of them once where nobody awaited the step', async () => {
  const { inputs, batch } = badBatch();
  fusedLoss(batch);
  batch.write(inputs);
  fusedLoss(batch);
  await rejects(() => device.synchronize(), 'labels[3] is 5', 'up to 4');
  await device.synchronize();
});

test('read() tells of them once where nobody awaited the step', async () => {
  const { batch, grads } = badBatch();
  fusedLoss(batch);
  await rejects(() => batch.grads.maskLogits.read(), 'labels[3] is 5', 'up to 4');
  assertClose(await batch.grads.maskLogits.read(), grads.maskLogits, 'maskLogits');
});

test('a device may be disposed that nobody asked', () => {
  const other = openTestDevice();
  const batch = other.batch({ rois, ...options });
  batch.write({ labels: new Int32Array(rois).fill(99) });
  fusedLoss(batch);
  other.dispose();
});

test.run();
