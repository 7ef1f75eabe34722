import { type Batch, fusedBoxLoss, fusedLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf, random } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';
import { onCuda, openTestDevice, unlessSimulated } from '../support/device';
import { halves } from '../support/half';
import { throws } from '../support/throws';

// A step clears what the steps before it wrote and writes its own, so that its gradients are whole, whatever the labels
// were before.

const test = suite('sparse gradients');

const device = openTestDevice({ threads: 2 });
const options = { classes: 5, maskSize: [7, 6] as const };
const rois = 9;
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

type Grads = { readonly [name: string]: Float64Array };

async function assertGrads(batch: Batch, expected: Grads): Promise<void> {
  for (const name of names) assertClose(await batch.grads[name].read(), expected[name], name);
}

for (const rewrite of [false, true])
  for (const maskGrad of ['dense', 'compact'] as const)
    for (const layout of ['nchw', 'nhwc'] as const)
      for (const channels of [5, 4, 1])
        test(`labels change: rewrite ${rewrite}, ${maskGrad}, ${layout}, ${channels} channels`, async () => {
          const sizes = { rois, ...options, boxChannels: channels, maskChannels: channels };
          const batch = device.batch({ ...sizes, rewrite, maskGrad, layout });
          for (let seed = 0; seed < 5; seed++) {
            const inputs = inputsOf(seed, sizes);
            batch.write(inputs);
            const expected = referenceLoss(inputs, { ...options, maskGrad, layout });
            assertLosses(await fusedLoss(batch).losses(), expected.losses);
            await assertGrads(batch, expected.grads);
          }
          batch.dispose();
        });

for (const dtype of ['float16', 'bfloat16'] as const)
  test(`labels change in ${dtype}: nothing but the label's channel is left`, async () => {
    const { to, from } = halves[dtype];
    const batch = device.batch({ rois, ...options, dtype });
    for (let seed = 0; seed < 5; seed++) {
      const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels } = inputsOf(seed, {
        rois,
        ...options,
      });
      const [scores, deltas, logits] = [classLogits, boxDeltas, maskLogits].map((a) =>
        Uint16Array.from(a, to),
      );
      const written = { classLogits: scores, boxDeltas: deltas, maskLogits: logits };
      batch.write({ ...written, boxTargets, maskTargets, labels });
      await fusedLoss(batch, { reduction: 'sum' }).losses();
      for (const [name, size] of [
        ['boxDeltas', 4],
        ['maskLogits', 42],
      ] as const) {
        const grad = Float32Array.from((await batch.grads[name].read()) as Uint16Array, from);
        for (let row = 0; row < rois * 5; row++) {
          const u = labels[Math.floor(row / 5)] as number;
          const isWritten = grad.subarray(row * size, (row + 1) * size).some((g) => g !== 0);
          assert.is(isWritten, u >= 1 && row % 5 === u, `${name}, row ${row}`);
        }
      }
    }
  });

const zerosOf = (batch: Batch): Grads =>
  Object.fromEntries(names.map((name) => [name, new Float64Array(batch.grads[name].length)]));

/** What a step may do, and the gradients that it leaves. */
const steps: {
  readonly [name: string]: (batch: Batch, before: Grads, after: Grads) => Grads | Promise<Grads>;
} = {
  'the whole': (batch, _, after) => {
    fusedLoss(batch);
    return after;
  },
  'masks alone': (batch, before, { maskLogits }) => {
    fusedMaskLoss(batch);
    return { ...before, ...(maskLogits && { maskLogits }) };
  },
  'boxes alone': (batch, before, { boxDeltas }) => {
    fusedBoxLoss(batch);
    return { ...before, ...(boxDeltas && { boxDeltas }) };
  },
  'forward only': (batch, before) => {
    fusedLoss(batch, { grad: false });
    return before;
  },
  'no gradient of the masks': (batch, before, after) => {
    fusedLoss(batch, { mask: { grad: false } });
    return { ...after, ...(before.maskLogits && { maskLogits: before.maskLogits }) };
  },
  // The CPU refuses the step. A GPU has run it, without the RoIs of such labels, when it says so.
  'bad labels': async (batch, before) => {
    const labels = batch.inputs.labels.readSync();
    batch.write({ labels: new Int32Array(rois).fill(99) });
    await throws(() => fusedLoss(batch).losses(), RangeError, 'ERR_ROI_LOSS_LABEL', 'labels[0]', '99');
    batch.write({ labels });
    return onCuda ? zerosOf(batch) : before;
  },
};

for (const maskGrad of ['dense', 'compact'] as const)
  test(`steps of any sort in any order: ${maskGrad}`, async () => {
    const next = random(23);
    const sorts = Object.keys(steps);
    const batch = device.batch({ rois, ...options, maskGrad });
    let grads = zerosOf(batch);
    for (let i = 0; i < unlessSimulated(80, 40); i++) {
      const inputs = inputsOf(i, { rois, ...options });
      batch.write(inputs);
      const sort = sorts[Math.floor(next() * sorts.length)] as string;
      const { grads: after } = referenceLoss(inputs, { ...options, maskGrad });
      grads = (await steps[sort]?.(batch, grads, after)) as Grads;
      await assertGrads(batch, grads);
    }
  });

test('a RoI that is no longer foreground, or ignored, leaves zeros', async () => {
  const inputs = inputsOf(1, { rois, ...options, leastLabel: 1 });
  for (const label of [0, -1]) {
    const batch = device.batch({ rois, ...options });
    batch.write(inputs);
    await fusedLoss(batch).losses();
    batch.write({ labels: new Int32Array(rois).fill(label) });
    await fusedLoss(batch).losses();
    for (const name of ['boxDeltas', 'maskLogits'] as const)
      assert.ok((await batch.grads[name].read()).every((g) => g === 0));
  }
});

test('with rewrite, gradients that somebody wrote over are whole again', async () => {
  for (const layout of ['nchw', 'nhwc'] as const) {
    const batch = device.batch({ rois, ...options, rewrite: true, layout });
    const inputs = inputsOf(1, { rois, ...options });
    batch.write(inputs);
    for (const name of names) batch.grads[name].write(new Float32Array(batch.grads[name].length).fill(7));
    await fusedLoss(batch).losses();
    await assertGrads(batch, referenceLoss(inputs, { ...options, layout }).grads);
  }
});

test.run();
