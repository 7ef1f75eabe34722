import {
  type Batch,
  type BatchSizes,
  type FusedLossOptions,
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
} from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { onCuda, openTestDevice } from '../support/device';
import { inputsAs } from '../support/half';
import { throws } from '../support/throws';

// A captured step, launched again and again, leaves the bits that the step itself leaves.

const test = suite('capture');

const device = openTestDevice({ threads: 2 });
const options = { classes: 5, maskSize: [8, 6] as const };
const rois = 9;
const sizes = { rois, ...options };
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;
const code = 'ERR_ROI_LOSS_CAPTURE';

/** All that a step of all terms leaves. */
async function resultsOf(batch: Batch, step: ReturnType<typeof fusedLoss>, perRoi: boolean) {
  return {
    losses: await step.losses(),
    metrics: await step.metrics(),
    perRoi: perRoi ? await step.perRoi() : undefined,
    grads: await Promise.all(names.map((name) => batch.grads[name].read())),
  };
}

const upstream = Float32Array.from({ length: rois }, (_, r) => r / 8 - 0.5);
const cases: readonly [string, Partial<BatchSizes>, FusedLossOptions][] = [
  ['sparse', {}, { metrics: true, mask: { kind: { bce: 0.5, dice: 0.5 } } }],
  ['rewritten', { rewrite: true }, { gradScale: 8 }],
  ['compact, nhwc', { maskGrad: 'compact', layout: 'nhwc' }, { reduction: 'sum' }],
  ['bfloat16', { dtype: 'bfloat16', maskTargetType: 'bfloat16' }, { normalizer: 3 }],
  [
    'class weights and upstream gradients',
    {},
    {
      reduction: 'none',
      backward: upstream,
      metrics: true,
      class: { classWeights: Float32Array.of(1, 2, 0.5, 0, 3), labelSmoothing: 0.1 },
    },
  ],
];

for (const [what, given, step] of cases)
  test(`labels change from launch to launch: ${what}`, async () => {
    const { dtype = 'float32' } = given;
    const [captured, plain] = [device.batch({ ...sizes, ...given }), device.batch({ ...sizes, ...given })];
    const graph = captured.capture(() => fusedLoss(captured, step));
    const perRoi = step.reduction === 'none';
    for (let seed = 0; seed < 5; seed++) {
      const { arrays } = inputsAs(dtype, inputsOf(seed, sizes));
      captured.write(arrays);
      plain.write(arrays);
      const expected = await resultsOf(plain, fusedLoss(plain, step), perRoi);
      assert.equal(await resultsOf(captured, graph.launch(), perRoi), expected, `launch ${seed}`);
    }
    graph.dispose();
  });

test('each loss function, with other steps between the launches', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const terms = {
    class: batch.capture((b) => fusedClassLoss(b, { labelSmoothing: 0.2 })),
    box: batch.capture(fusedBoxLoss),
    mask: batch.capture(() => fusedMaskLoss(batch, { kind: 'dice', metrics: true })),
  };
  for (let seed = 2; seed < 5; seed++) {
    batch.write(inputsOf(seed, sizes));
    assert.is(await terms.class.launch().loss(), fusedClassLoss(batch, { labelSmoothing: 0.2 }).lossSync());
    assert.is(terms.box.launch().lossSync(), await fusedBoxLoss(batch).loss());
    const mask = terms.mask.launch();
    const same = fusedMaskLoss(batch, { kind: 'dice', metrics: true });
    assert.is(await mask.loss(), await same.loss());
    assert.equal(await mask.metrics(), await same.metrics());
  }
});

test('many launches under way at once, each with results of its own', async () => {
  const batch = device.batch(sizes);
  const graph = batch.capture(() => fusedLoss(batch));
  const expected: number[] = [];
  const launched = Array.from({ length: 20 }, (_, seed) => {
    const inputs = inputsOf(seed, sizes);
    expected.push(fusedLossOf(inputs));
    batch.write(inputs);
    return graph.launch().losses();
  });
  assert.equal(
    (await Promise.all(launched)).map(({ total }) => total),
    expected,
  );
});

function fusedLossOf(inputs: ReturnType<typeof inputsOf>): number {
  using batch = device.batch(sizes);
  batch.write(inputs);
  return fusedLoss(batch).lossesSync().total;
}

test('a larger batch after the capture takes nothing that the graph works on', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const expected = await fusedLoss(batch).losses();
  const graph = batch.capture(() => fusedLoss(batch));
  const many = { ...sizes, rois: 700 };
  const larger = device.batch(many);
  larger.write(inputsOf(2, many));
  const large = await fusedLoss(larger).losses();
  for (let i = 0; i < 3; i++) {
    device.tensor(new Float32Array(rois * 3).fill(i), [rois * 3]);
    assert.equal(await graph.launch().losses(), expected);
    assert.equal(await fusedLoss(larger).losses(), large);
  }
});

test('terms of different types', async () => {
  const inputs = inputsOf(3, sizes);
  const { arrays } = inputsAs('float16', inputs);
  const made = () =>
    device.batch({
      classLogits: device.tensor(arrays.classLogits, [rois, 5], 'float16'),
      boxDeltas: device.tensor(inputs.boxDeltas, [rois, 5, 4]),
      boxTargets: device.tensor(inputs.boxTargets, [rois, 4]),
      maskLogits: device.tensor(inputsAs('bfloat16', inputs).arrays.maskLogits, [rois, 5, 8, 6], 'bfloat16'),
      maskTargets: device.tensor(inputs.maskTargets, [rois, 8, 6]),
      labels: device.tensor(inputs.labels, [rois]),
    });
  const [captured, plain] = [made(), made()];
  const graph = captured.capture(() => fusedLoss(captured));
  for (let i = 0; i < 2; i++)
    assert.equal(
      await resultsOf(captured, graph.launch(), false),
      await resultsOf(plain, fusedLoss(plain), false),
    );
});

test('a bad label is an error of the launch, and the next one is right', async () => {
  const batch = device.batch(sizes);
  const inputs = inputsOf(4, sizes);
  batch.write(inputs);
  const expected = await fusedLoss(batch).losses();
  const graph = batch.capture(() => fusedLoss(batch));
  batch.write({ labels: Int32Array.from(inputs.labels, (u, r) => (r === 4 ? 77 : u)) });
  await throws(async () => graph.launch().losses(), RangeError, 'ERR_ROI_LOSS_LABEL', 'labels[4]', '77');
  batch.write(inputs);
  assert.equal(await graph.launch().losses(), expected);
});

test('capturing runs nothing', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(5, sizes));
  const before = await fusedLoss(batch, { reduction: 'none' });
  const grads = await resultsOf(batch, before, true);
  batch.capture(() => fusedLoss(batch, { reduction: 'none', gradScale: 3 }));
  assert.equal(await resultsOf(batch, before, true), grads);
});

test('what may not be done amid a capture, after which all goes on', async () => {
  const batch = device.batch(sizes);
  const other = device.batch(sizes);
  const inputs = inputsOf(6, sizes);
  batch.write(inputs);
  const expected = await fusedLoss(batch).losses();
  const refused = (record: (b: Batch) => unknown, ...words: string[]) =>
    throws(() => batch.capture(record as () => never), Error, code, ...words);
  const amid = (act: () => unknown, word = 'batch.capture') =>
    refused(() => {
      act();
      return fusedLoss(batch);
    }, word);
  await amid(() => batch.write(inputs));
  await amid(() => batch.inputs.labels.readSync());
  await amid(() => fusedLoss(other));
  await amid(() => device.tensor(new Float32Array(1), [1]));
  await amid(() => batch.capture(() => fusedLoss(batch)));
  await refused(() => fusedLoss(batch).lossesSync(), 'launch()');
  await refused(() => [fusedClassLoss(batch), fusedBoxLoss(batch)], 'second');
  await refused(() => undefined, 'undefined');
  await refused(async () => fusedLoss(batch), 'Promise');
  const earlier = fusedLoss(batch);
  await refused(() => earlier, 'expected the step');
  await throws(() => batch.capture(7 as never), TypeError, 'ERR_ROI_LOSS_TYPE', 'record', '7');
  await throws(
    () => batch.capture(() => fusedLoss(batch, { weight: Number.NaN })),
    RangeError,
    'ERR_ROI_LOSS_OPTION',
    'weight',
  );
  assert.equal(await fusedLoss(batch).losses(), expected);
  const graph = batch.capture(() => fusedLoss(batch));
  assert.equal(await graph.launch().losses(), expected);
});

test('a step that was captured has no results of its own', async () => {
  const batch = device.batch(sizes);
  let step: ReturnType<typeof fusedLoss> | undefined;
  batch.capture((b) => {
    step = fusedLoss(b, { reduction: 'none' });
    return step;
  });
  await throws(async () => step?.losses(), Error, code, 'launch()');
  await throws(async () => step?.metrics(), Error, code, 'launch()');
  await throws(async () => step?.perRoi(), Error, code, 'launch()');
});

test('disposed: the graph, its batch, its device', async () => {
  const own = openTestDevice({ threads: 1 });
  const batch = own.batch(sizes);
  batch.write(inputsOf(7, sizes));
  const graph = batch.capture(() => fusedLoss(batch));
  const step = graph.launch();
  graph.dispose();
  assert.is(graph.disposed, true);
  assert.ok(Number.isFinite((await step.losses()).total));
  await throws(() => graph.launch(), TypeError, 'ERR_ROI_LOSS_DISPOSED', 'graph');
  {
    using second = batch.capture(() => fusedLoss(batch));
    batch.dispose();
    await throws(() => second.launch(), TypeError, 'ERR_ROI_LOSS_DISPOSED', 'batch');
  }
  const last = own.batch(sizes);
  const third = last.capture(() => fusedLoss(last));
  own.dispose();
  await throws(() => third.launch(), TypeError, 'ERR_ROI_LOSS_DISPOSED', 'device');
});

test('the time of what is enqueued', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(8, sizes));
  const graph = batch.capture(() => fusedLoss(batch));
  const milliseconds = await device.time(() => {
    for (let i = 0; i < 5; i++) graph.launch();
  });
  assert.ok(milliseconds > 0, `${milliseconds} ms`);
  assert.ok((await device.time(() => {})) < milliseconds + 1000);
  await throws(() => device.time(3 as never), TypeError, 'ERR_ROI_LOSS_TYPE', 'enqueue', '3');
});

if (onCuda)
  test('many graphs that are forgotten are collected', async () => {
    const batch = device.batch(sizes);
    batch.write(inputsOf(9, sizes));
    const classWeights = new Float32Array(5).fill(1);
    for (let i = 0; i < 200; i++) batch.capture(() => fusedLoss(batch, { class: { classWeights } })).launch();
    await device.synchronize();
  });

test.run();
