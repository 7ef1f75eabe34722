import {
  type Batch,
  type FloatType,
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  type HalfArray,
  type HostArray,
} from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf, type Sizes } from '../../lib/reference/random';
import { assertClose, assertLoss, assertLosses } from '../support/close';
import { asynchronous, openTestDevice, unlessSimulated } from '../support/device';
import { assertCloseAs, halves, inputsAs } from '../support/half';
import { maskLosses } from '../support/kinds';
import { shifted } from '../support/shifted';
import { throws } from '../support/throws';

const test = suite('batch');

const device = openTestDevice({ threads: 2 });
const options = { classes: 5, maskSize: [7, 6] as const };
const rois = 9;
const make = (seed: number) => inputsOf(seed, { rois, ...options });
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

async function assertGrads(batch: Batch, expected: { readonly [name: string]: Float64Array }): Promise<void> {
  for (const name of names) assertClose(await batch.grads[name].read(), expected[name], name);
}

test('each term alone does what it does in the whole', async () => {
  const batch = device.batch({ rois, ...options });
  const inputs = make(2);
  batch.write(inputs);
  const { losses, grads } = referenceLoss(inputs, options);
  assertLoss(await fusedClassLoss(batch).loss(), losses.class);
  assertLoss(await fusedBoxLoss(batch).loss(), losses.box);
  assertLoss(fusedMaskLoss(batch).lossSync(), losses.mask);
  await assertGrads(batch, grads);
  assert.equal(fusedLoss(batch).lossesSync(), await fusedLoss(batch).losses());
});

test('over tensors, written between steps', async () => {
  const inputs = make(3);
  const pixels = 42;
  const tensors = {
    classLogits: device.tensor(inputs.classLogits, [rois, 5]),
    boxDeltas: device.tensor(inputs.boxDeltas, [rois, 5, 4]),
    boxTargets: device.tensor(inputs.boxTargets, [rois, 4]),
    maskLogits: device.tensor(inputs.maskLogits, [rois, 5, 7, 6]),
    maskTargets: device.tensor(inputs.maskTargets, [rois, 7, 6]),
    labels: device.tensor(inputs.labels, [rois]),
  };
  const batch = device.batch(tensors);
  assertLosses(await fusedLoss(batch).losses(), referenceLoss(inputs, options).losses);
  inputs.maskTargets.fill(1, 0, pixels);
  tensors.maskTargets.write(inputs.maskTargets);
  assertLosses(await fusedLoss(batch).losses(), referenceLoss(inputs, options).losses);
  // Over the same memory by its address.
  const borrowed = Object.fromEntries(
    Object.entries(tensors).map(([name, { pointer, shape, dtype }]) => [
      name,
      device.tensorAt(pointer, shape, dtype),
    ]),
  );
  assertLosses(await fusedLoss(device.batch(borrowed)).losses(), referenceLoss(inputs, options).losses);
});

test('addresses that no vector is aligned to', async () => {
  const inputs = make(4);
  const [logits, targets, labels] = [
    shifted(device, inputs.maskLogits, 1, [rois, 5, 7, 6], 'float32'),
    shifted(device, inputs.maskTargets, 1, [rois, 7, 6], 'float32'),
    shifted(device, inputs.labels, 1, [rois], 'int32'),
  ];
  const batch = device.batch({
    maskLogits: logits.inner,
    maskTargets: targets.inner,
    labels: labels.inner,
    classes: 5,
  });
  assertLoss(await fusedMaskLoss(batch).loss(), referenceLoss(inputs, options).losses.mask);
  assert.is(logits.room.disposed || targets.room.disposed || labels.room.disposed, false);
});

for (const dtype of ['float16', 'bfloat16'] as const satisfies readonly FloatType[])
  for (const layout of ['nchw', 'nhwc'] as const)
    test(`${dtype}, ${layout}`, async () => {
      const { arrays, exact } = inputsAs(dtype, make(5));
      const batch = device.batch({ rois, ...options, dtype, layout, maskTargetType: dtype });
      batch.write(arrays);
      for (const kind of ['bce', 'dice'] as const) {
        // Sums make gradients that are large enough for the format.
        const step = { reduction: 'sum', gradScale: 64, mask: { kind } } as const;
        const expected = referenceLoss(exact, { ...options, layout, ...step });
        assertLosses(await fusedLoss(batch, step).losses(), expected.losses);
        for (const name of names)
          assertCloseAs(dtype, await batch.grads[name].read(), expected.grads[name], name);
      }
    });

test('every float16 and bfloat16 is read, and written to the nearest', async () => {
  for (const dtype of ['float16', 'bfloat16'] as const) {
    const { to, from } = halves[dtype];
    const finite = Array.from({ length: 2 ** 16 }, (_, bits) => bits).filter((bits) =>
      Number.isFinite(from(bits)),
    );
    const deltas = Uint16Array.from(
      { length: finite.length * 4 },
      (_, i) => finite[Math.floor(i / 4)] as number,
    );
    const count = finite.length;
    const batch = device.batch({ rois: count, classes: 2, boxChannels: 1, terms: ['box'], dtype });
    // A quadratic loss: the gradient is the delta, scaled by a factor that makes it round.
    const scale = 1 / 3;
    batch.write({ boxDeltas: deltas, labels: new Int32Array(count).fill(1) });
    await fusedBoxLoss(batch, { reduction: 'sum', beta: 2 ** 127, gradScale: scale * 2 ** 127 }).loss();
    const grad = (await batch.grads.boxDeltas.read()) as Uint16Array;
    for (let i = 0; i < count; i++) {
      const x = from(finite[i] as number);
      const exact = Math.fround(Math.fround(x / 2 ** 127) * Math.fround(scale * 2 ** 127));
      if (Math.abs(x) < 2 ** -20 || Math.abs(x) >= 2 ** 127) continue; // subnormal over beta, or linear
      assert.is(grad[i * 4], to(exact), `${dtype} ${x}`);
    }
  }
});

test('bytes for targets give the bits that 0 and 1 as floats give', async () => {
  const inputs = make(6);
  const bytes = Uint8Array.from(inputs.maskTargets, (y) => (y < 0.5 ? 0 : 200));
  const zerosAndOnes = Float32Array.from(bytes, (b) => Number(b > 0));
  const batchOf = (maskTargets: HostArray, maskTargetType: 'uint8' | 'float32') => {
    const batch = device.batch({ rois, ...options, terms: ['mask'], maskTargetType });
    batch.write({ maskLogits: inputs.maskLogits, maskTargets, labels: inputs.labels });
    return batch;
  };
  const [ofBytes, ofFloats] = [batchOf(bytes, 'uint8'), batchOf(zerosAndOnes, 'float32')];
  for (const kind of maskLosses) {
    const loss = await fusedMaskLoss(ofBytes, { kind }).loss();
    assert.is(loss, await fusedMaskLoss(ofFloats, { kind }).loss());
    assertLoss(
      loss,
      referenceLoss({ ...inputs, maskTargets: bytes }, { ...options, mask: { kind } }).losses.mask,
    );
    assert.equal(await ofBytes.grads.maskLogits.read(), await ofFloats.grads.maskLogits.read());
  }
});

test('probabilities', async () => {
  const { classLogits, labels } = make(14);
  const classProbs = classLogits.map((z) => Math.abs(z) / 10);
  const batch = device.batch({ rois, classes: 5, terms: ['class'], probabilities: true });
  batch.write({ classProbs, labels });
  const expected = referenceLoss({ classProbs, labels }, options);
  assertLoss(await fusedClassLoss(batch).loss(), expected.losses.class);
  assertClose(await batch.grads.classProbs.read(), expected.grads.classProbs, 'classProbs');
});

test('masks of their own RoIs', async () => {
  const inputs = make(7);
  const masks = inputsOf(8, { rois: 4, ...options, leastLabel: 1 });
  const batch = device.batch({ rois, ...options, maskRois: 4 });
  const all = {
    ...inputs,
    maskLogits: masks.maskLogits,
    maskTargets: masks.maskTargets,
    maskLabels: masks.labels,
  };
  batch.write(all);
  assertLosses(await fusedLoss(batch).losses(), referenceLoss(all, options).losses);
});

test('forward only leaves the gradients alone', async () => {
  const batch = device.batch({ rois, ...options });
  const inputs = make(9);
  batch.write(inputs);
  await fusedLoss(batch).losses();
  batch.write(make(10));
  assertLosses(await fusedLoss(batch, { grad: false }).losses(), referenceLoss(make(10), options).losses);
  await assertGrads(batch, referenceLoss(inputs, options).grads);
});

test('losses by RoI belong to their step', async () => {
  const batch = device.batch({ rois, ...options });
  const inputs = make(11);
  batch.write(inputs);
  const expected = referenceLoss(inputs, { ...options, reduction: 'none' });
  const first = fusedLoss(batch, { reduction: 'none' });
  assertClose((await first.perRoi()).box, expected.perRoi.box, 'perRoi.box');
  const second = fusedBoxLoss(batch, { reduction: 'none' });
  assertClose(await second.perRoi(), expected.perRoi.box, 'perRoi');
  await rejects(first.perRoi(), 'ERR_ROI_LOSS_STALE');
  await rejects(fusedBoxLoss(batch).perRoi(), 'ERR_ROI_LOSS_OPTION');
});

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  assert.is(error?.code, code);
}

function masksOf(seed: number, sizes: Sizes) {
  const { maskLogits, maskTargets, labels } = inputsOf(seed, { ...sizes, maskChannels: 1, leastLabel: 1 });
  return { maskLogits, maskTargets, labels };
}

test('long steps are queued, run in order, and leave the event loop free', async () => {
  const large = { rois: unlessSimulated(2048, 32), classes: 2, maskSize: [28, 28] as const };
  const inputs = masksOf(12, large);
  const batch = device.batch({ ...large, terms: ['mask'], maskChannels: 1 });
  batch.write(inputs);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const kinds = ['bce', 'dice', 'smoothed-bce'] as const;
  const steps = Array.from({ length: 120 }, (_, i) => ({
    kind: kinds[i % 3] as (typeof kinds)[number],
    step: fusedMaskLoss(batch, { kind: kinds[i % 3], metrics: i % 2 === 0, weight: 1 + i }),
  }));
  const once = new Map(kinds.map((kind) => [kind, fusedMaskLoss(batch, { kind, grad: false })]));
  const lossOf = async (kind: (typeof kinds)[number]) => (await once.get(kind)?.loss()) as number;
  for (const [i, { kind, step }] of steps.entries()) {
    assertLoss(await step.loss(), (1 + i) * (await lossOf(kind)), `step ${i}`);
    assert.is((await step.metrics()) !== undefined, i % 2 === 0);
  }
  clearInterval(timer);
  if (asynchronous) assert.ok(turns > 0, 'the event loop did not turn');
  const inputsNow = referenceLoss(
    { ...inputs, labels: inputs.labels },
    { ...large, mask: { kind: 'smoothed-bce' }, weight: 120 },
  );
  await fusedMaskLoss(batch, { kind: 'smoothed-bce', weight: 120 }).loss();
  assertClose(await batch.grads.maskLogits.read(), inputsNow.grads.maskLogits, 'maskLogits');
});

test('a batch may be written and disposed while its steps are in flight', async () => {
  const large = { rois: unlessSimulated(2048, 32), classes: 2, maskSize: [28, 28] as const };
  const inputs = masksOf(13, large);
  const batch = device.batch({ ...large, terms: ['mask'], maskChannels: 1 });
  batch.write(inputs);
  const before = fusedMaskLoss(batch);
  const other = inputs.maskLogits.map((z) => -z);
  batch.write({ maskLogits: other });
  const after = fusedMaskLoss(batch);
  batch.dispose();
  const expected = (maskLogits: Float32Array) => referenceLoss({ ...inputs, maskLogits }, large).losses.mask;
  assertLoss(await before.loss(), expected(inputs.maskLogits));
  assertLoss(await after.loss(), expected(other));
});

test('after an error everything is usable', async () => {
  const batch = device.batch({ rois, ...options });
  const inputs = make(15);
  batch.write({ ...inputs, labels: new Int32Array(rois).fill(99) });
  await throws(() => fusedLoss(batch).losses(), RangeError, 'ERR_ROI_LOSS_LABEL', 'labels[0]', '99');
  batch.write(inputs);
  const { losses, grads } = referenceLoss(inputs, options);
  assertLosses(await fusedLoss(batch).losses(), losses);
  await assertGrads(batch, grads);
});

test('a batch of no RoIs', async () => {
  const batch = device.batch({ rois: 0, classes: 3 });
  assert.equal(await fusedLoss(batch, { metrics: true }).losses(), { total: 0, class: 0, box: 0, mask: 0 });
  assert.is((await batch.grads.maskLogits.read()).length, 0);
});

type Halves = new (values: Iterable<number>) => HalfArray;
const { Float16Array } = globalThis as { Float16Array?: Halves };
if (!Float16Array) {
  console.log('skipped: a Float16Array — this runtime has none; Node 24 has');
  test.skip('a Float16Array');
} else
  test('a Float16Array writes tensors of float16', async () => {
    const half = new Float16Array([1, -2, 0.5]);
    const bits = Uint16Array.of(0x3c00, 0xc000, 0x3800);
    const tensor = device.tensor(half, [3]);
    assert.is(tensor.dtype, 'float16');
    assert.equal(await tensor.read(), bits);
    tensor.write(new Uint16Array(3));
    tensor.write(half);
    assert.equal(await tensor.read(), bits);
    const batch = device.batch({ rois: 1, classes: 3, terms: ['class'], dtype: 'float16' });
    batch.write({ classLogits: half });
    assert.equal(await batch.inputs.classLogits.read(), bits);
    const write = (dtype: 'float32' | 'bfloat16') => () => device.tensor(half, [3], dtype);
    await throws(write('float32'), TypeError, 'ERR_ROI_LOSS_DTYPE', 'array is a Float16Array');
    await throws(write('bfloat16'), TypeError, 'ERR_ROI_LOSS_DTYPE', 'a Uint16Array');
  });

test.run();
