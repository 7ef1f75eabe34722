import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { fusedLoss, openTestDevice, unlessSimulated } from '../support/device';

const test = suite('workers');

const shape = { classes: 5, maskSize: [28, 28] as const };
const sizes = { rois: unlessSimulated(64, 8), ...shape };
/** Of a step that takes a while. */
const manyRois = unlessSimulated(2048, 32);
const { name } = openTestDevice();

/** Computes with a device of its own, posts the losses, and in an endless loop queues steps and reads until it is terminated. */
const script = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { fusedLoss, openDevice } = require(workerData.entry);
  const device = openDevice(workerData.name);
  const batch = device.batch(workerData.sizes);
  batch.write(workerData.inputs);
  (async () => {
    parentPort.postMessage(await fusedLoss(batch).losses());
    const large = device.batch({ rois: workerData.manyRois, classes: 2, maskChannels: 1, terms: ['mask'] });
    const graph = large.capture(() => fusedLoss(large));
    while (workerData.endless)
      await Promise.all([fusedLoss(large).losses(), graph.launch().losses(), large.grads.maskLogits.read()]);
    device.dispose();
  })();
`;

const inputs = inputsOf(1, sizes);
const start = (endless: boolean) =>
  new Worker(script, {
    eval: true,
    workerData: {
      entry: join(__dirname, '..', '..', 'dist', 'index.js'),
      name,
      sizes,
      inputs,
      manyRois,
      endless,
    },
  });

test('several at once compute what the main thread computes', async () => {
  const { losses } = fusedLoss(inputs, shape);
  const workers = Array.from({ length: 4 }, () => start(false));
  const exits = workers.map((worker) => once(worker, 'exit'));
  const results = await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (const [result] of results) assert.equal(result, losses);
  assert.equal(await Promise.all(exits), [[0], [0], [0], [0]]);
});

test('terminated with steps in flight', async () => {
  for (let i = 0; i < 15; i++) {
    const worker = start(true);
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, i));
    assert.is(await worker.terminate(), 1);
  }
});

/** Waits for no step, and so is told of none. */
const deaf = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { fusedMaskLoss, openDevice } = require(workerData.entry);
  const batch = openDevice(workerData.name).batch(workerData.sizes);
  const { rois } = workerData.sizes;
  batch.write({ maskLogits: new Float32Array(rois * 784), maskTargets: new Float32Array(rois * 784), labels: new Int32Array(rois).fill(1) });
  parentPort.postMessage('');
  for (;;) fusedMaskLoss(batch).loss();
`;

test('terminated before it is told of a step, leaves no memory behind', async () => {
  const rois = unlessSimulated(4096, 4);
  const sizes = { rois, classes: 2, maskChannels: 1, maskSize: [28, 28], terms: ['mask'], rewrite: true };
  const run = async () => {
    const entry = join(__dirname, '..', '..', 'dist', 'index.js');
    const worker = new Worker(deaf, { eval: true, workerData: { entry, name, sizes } });
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await worker.terminate();
  };
  await run();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < unlessSimulated(8, 2); i++) await run();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(`terminated workers: ${grown.toFixed(1)} MiB`);
  assert.ok(grown < 150, `grew by ${grown} MiB`);
});

test('a process that ends with steps in flight ends cleanly', () => {
  const ending = (end: string) => `
    const { fusedMaskLoss, openDevice } = require('roi-loss');
    const batch = openDevice('${name}').batch({ rois: ${manyRois}, classes: 2, maskChannels: 1, terms: ['mask'] });
    for (let i = 0; i < 20; i++) fusedMaskLoss(batch).loss().then(() => {});
    ${end}`;
  for (const [end, code] of [
    ['process.exit(3)', 3],
    ['', 0],
    ["throw new Error('on purpose')", 1],
  ] as const) {
    const { status } = spawnSync(process.execPath, ['-e', ending(end)], { cwd: __dirname });
    assert.is(status, code, end);
  }
});

test.run();
