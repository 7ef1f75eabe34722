import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { fusedLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { assertLosses } from '../support/close';
import { onStandin, openTestDevice } from '../support/device';
import { inputShapes } from '../support/shapes';
import { standinControl } from '../support/standin';
import { throws } from '../support/throws';

// Devices on streams that other code has made, and on the default streams of CUDA.

const test = suite('streams on CUDA');

const device = openTestDevice();
const options = { classes: 5, maskSize: [8, 6] as const };
const rois = 9;
const [legacy, perThread] = [1n, 2n];

const shapes = inputShapes({ rois, ...options });

test("a caller's stream: steps run in its order, and it outlives the device", async () => {
  const second = openTestDevice({ stream: device.stream });
  assert.is(second.stream, device.stream);
  const inputs = inputsOf(2, { rois, ...options });
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    tensor: device.tensor(inputs[name as keyof typeof shapes], shape),
  }));
  const batch = second.batch(
    Object.fromEntries(
      tensors.map(({ name, tensor: { pointer, shape, dtype } }) => [
        name,
        second.tensorAt(pointer, shape, dtype),
      ]),
    ),
  );
  for (let i = 0; i < 10; i++) {
    // Written by one device and read by the other, with nothing but the stream between.
    inputs.maskLogits.forEach((z, k) => {
      inputs.maskLogits[k] = -z + i / 16;
    });
    tensors.find(({ name }) => name === 'maskLogits')?.tensor.write(inputs.maskLogits);
    assertLosses(await fusedLoss(batch).losses(), referenceLoss(inputs, options).losses);
  }
  second.dispose();
  const own = device.batch({ rois, ...options });
  own.write(inputs);
  assertLosses(await fusedLoss(own).losses(), referenceLoss(inputs, options).losses);
});

for (const stream of [legacy, perThread])
  test(`the default stream ${stream}n: steps, graphs and copies`, async () => {
    using own = openTestDevice({ stream });
    assert.is(own.stream, stream);
    using batch = own.batch({ rois, ...options });
    using graph = batch.capture(() => fusedLoss(batch));
    for (let seed = 0; seed < 5; seed++) {
      const inputs = inputsOf(seed, { rois, ...options });
      batch.write(inputs);
      const expected = referenceLoss(inputs, options);
      const step = fusedLoss(batch);
      const again = graph.launch();
      assertLosses(await step.losses(), expected.losses);
      assert.equal(again.lossesSync(), await step.losses());
      assert.equal(await batch.grads.boxDeltas.read(), batch.grads.boxDeltas.readSync());
    }
    assert.ok((await own.time(() => fusedLoss(batch))) >= 0);
  });

test('the default stream of a thread is another on each thread', async () => {
  using own = openTestDevice({ stream: perThread });
  using batch = own.batch({ rois, ...options });
  const inputs = inputsOf(7, { rois, ...options });
  batch.write(inputs);
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { fusedLoss, openDevice } = require(workerData.entry);
    const device = openDevice(workerData.name, { stream: 2n });
    const batch = device.batch(workerData.sizes);
    batch.write(workerData.inputs);
    (async () => {
      for (let i = 0; i < 20; i++) await fusedLoss(batch).losses();
      parentPort.postMessage(fusedLoss(batch).lossesSync());
    })();`;
  const workerData = {
    entry: join(__dirname, '..', '..', 'dist'),
    name: own.name,
    sizes: { rois, ...options },
    inputs,
  };
  const worker = new Worker(script, { eval: true, workerData });
  const [theirs, exit] = [once(worker, 'message'), once(worker, 'exit')];
  for (let i = 0; i < 20; i++) await fusedLoss(batch).losses();
  assert.equal((await theirs)[0], fusedLoss(batch).lossesSync());
  await exit; // it may be over by now
});

test('a stream that is no bigint, or 0', async () => {
  const refused = (stream: unknown, ...words: string[]) =>
    throws(
      () => openTestDevice({ stream: stream as never }),
      TypeError,
      'ERR_ROI_LOSS_OPTION',
      'stream',
      ...words,
    );
  await refused(7, '7');
  await refused(-1n, '-1n');
  await refused(1n << 64n, '18446744073709551616n');
  await refused(0n, '0n', 'legacy default stream', '1n', 'CU_STREAM_LEGACY', '2n', 'CU_STREAM_PER_THREAD');
});

const spinning = 'results that are there already are seen without the driver having a thread sleep';
const failing = 'a step of a default stream that cannot be waited for';
const capturing = 'the legacy default stream while a stream that it waits for is captured';
if (onStandin) {
  const control = standinControl();

  test(spinning, () => {
    const script = `
      const { fusedLoss, openDevice } = require('roi-loss');
      const control = require(process.env.LD_LIBRARY_PATH.split(':')[0] + '/standin_control.node');
      const device = openDevice('cuda');
      const batch = device.batch({ rois: 9, classes: 5, maskSize: [4, 4] });
      const graph = batch.capture(() => fusedLoss(batch));
      (async () => {
        for (let i = 0; i < 10; i++) {
          fusedLoss(batch).lossesSync();
          await fusedLoss(batch).losses();
          graph.launch().lossesSync();
          await device.synchronize();
        }
        console.log(control.count('cuEventSynchronize'), control.count('cuEventQuery') > 0);
      })();`;
    const output = execFileSync(process.execPath, ['-e', script], {
      cwd: __dirname,
      encoding: 'utf8',
      env: { ...process.env, ROI_STANDIN_SYNC: '1' },
    });
    assert.is(output, '0 true\n');
  });

  test(failing, async () => {
    for (const stream of [legacy, perThread]) {
      using own = openTestDevice({ stream });
      using batch = own.batch({ rois, ...options });
      batch.write(inputsOf(8, { rois, ...options }));
      const expected = await fusedLoss(batch).losses();
      control.fail('cuEventSynchronize:1=999,cuEventQuery:*=999');
      const step = fusedLoss(batch);
      await throws(() => step.losses(), Error, 'ERR_ROI_LOSS_DEVICE', 'waiting for the GPU');
      control.fail('');
      assert.equal(await fusedLoss(batch).losses(), expected);
    }
    assert.is(control.count('findings'), 0);
  });

  test(capturing, async () => {
    using own = openTestDevice({ stream: legacy });
    using batch = own.batch({ rois, ...options });
    batch.write(inputsOf(9, { rois, ...options }));
    const expected = await fusedLoss(batch).losses();
    assert.ok(control.capture(true));
    const words = ['a stream that the default stream waits for is being captured'];
    for (const attempt of [
      () => fusedLoss(batch),
      () => batch.write({ labels: new Int32Array(rois) }),
      () => batch.grads.boxDeltas.readSync(),
      () => batch.grads.boxDeltas.read(),
      () => own.synchronize(),
      () => own.tensor(new Float32Array(1), [1]),
    ])
      await throws(attempt, Error, 'ERR_ROI_LOSS_CAPTURE', ...words);
    // Other streams go on.
    using other = device.batch({ rois, ...options });
    other.write(inputsOf(9, { rois, ...options }));
    assert.equal(await fusedLoss(other).losses(), expected);
    assert.ok(control.capture(false), 'the capture survives');
    assert.equal(await fusedLoss(batch).losses(), expected);
  });
} else {
  console.log(`skipped: ${spinning}; ${failing}; ${capturing} — the stand-in alone does that on demand`);
  test.skip(spinning);
  test.skip(failing);
  test.skip(capturing);
}

test.run();
