import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { assertSame } from '../support/close';
import {
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  onCuda,
  onStandin,
  openTestDevice,
  unlessSimulated,
} from '../support/device';
import { unlessSoaking } from '../support/soak';
import { throws } from '../support/throws';

// Arrays, batches, devices, threads and copies of the package that end while something is under way.

const test = suite('lifetimes');

const gc = globalThis.gc ?? (() => assert.unreachable('run with --expose-gc'));
const root = join(__dirname, '..', '..');
const device = openTestDevice();
const { name } = device;
/** Of a step that is under way for a while. */
const many = unlessSimulated(4096, 64);
const large = { rois: many, classes: 81, maskSize: [8, 8] as const, terms: ['class', 'mask'] as const };
const inputs = (() => {
  const { classLogits, labels, maskTargets } = inputsOf(1, { ...large, maskChannels: 1 });
  return { classLogits, labels, maskTargets };
})();
const detach = (array: Float32Array | Int32Array) =>
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });

function prepared() {
  const batch = device.batch(large);
  batch.write(inputs);
  return batch;
}
const optionsOf = (n: number) => ({
  class: {
    classWeights: Float32Array.from({ length: 81 }, (_, c) => 1 + (c % 3)),
    reduction: 'none' as const,
    backward: new Float32Array(many).fill(n),
  },
});

test('arrays that are dropped, transferred or overwritten while steps are in flight', async () => {
  const batch = prepared();
  const expected = await fusedLoss(batch, optionsOf(2)).losses();
  const gradient = (await batch.grads.classLogits.read()) as Float32Array;
  const steps = [];
  for (const end of ['drop', 'transfer', 'overwrite']) {
    const copies = Object.fromEntries(Object.entries(inputs).map(([key, array]) => [key, array.slice()]));
    batch.write(copies);
    const options = optionsOf(2);
    steps.push(fusedLoss(batch, options));
    const arrays = [...Object.values(copies), options.class.classWeights, options.class.backward];
    if (end !== 'drop') for (const array of arrays) end === 'transfer' ? detach(array) : array.fill(77);
    arrays.length = 0;
    gc();
  }
  for (const step of steps) assert.equal(await step.losses(), expected);
  assertSame((await batch.grads.classLogits.read()) as Float32Array, gradient, 'gradient');
});

test('batches, tensors and devices that are disposed, or forgotten, while steps are in flight', async () => {
  const expected = await fusedLoss(prepared()).losses();
  const steps = Array.from({ length: 8 }, (_, i) => {
    const batch = prepared();
    const step = fusedLoss(batch);
    if (i % 2 === 0) batch.dispose();
    return step;
  });
  gc();
  for (const step of steps) assert.equal(await step.losses(), expected);
  const own = openTestDevice();
  const batch = own.batch({ ...large, terms: ['mask'], maskChannels: 1 });
  const step = fusedMaskLoss(batch);
  const [loss, other] = [step.loss(), own.synchronize()];
  own.dispose();
  assert.is(await loss, 0);
  await other;
  await throws(() => batch.grads.maskLogits.readSync(), TypeError, 'ERR_ROI_LOSS_DISPOSED', 'device');
});

/** Queues steps, and waits for some of them, until it is terminated. */
const endless = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { fusedLoss, openDevice } = require(workerData.entry);
  const device = openDevice(workerData.name, workerData.name === 'cpu' ? { threads: 2 } : {});
  const batch = device.batch(workerData.large);
  batch.write(workerData.inputs);
  (async () => {
    for (let i = 0; ; i++) {
      const steps = [fusedLoss(batch), fusedLoss(batch, { metrics: true })];
      if (i === 0) parentPort.postMessage('under way');
      if (i % 3 === 1) steps[1].lossesSync();
      else await steps[i % 2].losses();
    }
  })();
`;

test('workers that are terminated in the middle of a step, eight at once', async () => {
  const total = unlessSoaking(16, 200);
  const data = { entry: join(root, 'dist', 'index.js'), name, large, inputs };
  for (let done = 0; done < total; done += 8) {
    const workers = Array.from({ length: 8 }, () => new Worker(endless, { eval: true, workerData: data }));
    const codes = workers.map(async (worker, i) => {
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, (done + i) % 13));
      return worker.terminate();
    });
    assert.equal(await Promise.all(codes), new Array(8).fill(1));
  }
  console.log(`${total} workers terminated`);
  assert.ok((await fusedLoss(prepared()).losses()).total > 0);
});

/** What a process prints, and how it ends. */
function ends(script: string, env: NodeJS.ProcessEnv = {}) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', script], {
    cwd: __dirname,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, signal, stdout, stderr };
}

const start = `
  const { fusedMaskLoss, openDevice } = require('roi-loss');
  const device = openDevice('${name}');
  const batch = device.batch({ rois: ${unlessSimulated(2048, 32)}, classes: 2, maskChannels: 1, terms: ['mask'] });
  process.on('unhandledRejection', () => process.exit(99));`;

test('a process that exits with steps in flight', () => {
  for (const [end, status] of [
    ['for (let i = 0; i < 20; i++) fusedMaskLoss(batch).loss(); process.exit(3);', 3],
    [
      'fusedMaskLoss(batch); fusedMaskLoss(batch).loss().then(() => { fusedMaskLoss(batch); process.exit(4); });',
      4,
    ],
    ['fusedMaskLoss(batch); batch.dispose(); device.dispose(); process.exit(5);', 5],
    [
      "process.on('exit', () => { fusedMaskLoss(batch); fusedMaskLoss(batch).lossSync(); }); fusedMaskLoss(batch);",
      0,
    ],
  ] as const)
    assert.equal(ends(start + end), { status, signal: null, stdout: '', stderr: '' }, end);
  const inWorker = `
    const { Worker } = require('node:worker_threads');
    const script = ${JSON.stringify(`${start} fusedMaskLoss(batch).loss(); process.exit(6);`)};
    new Worker(script, { eval: true }).on('exit', (code) => process.exit(code));`;
  assert.is(ends(inWorker).status, 6);
});

test('steps that nobody asks for, or that go wrong, reject nothing by themselves', () => {
  const wrong = `${start}
    batch.write({ labels: new Int32Array(${unlessSimulated(2048, 32)}).fill(7) });
    for (let i = 0; i < 3; i++) try { fusedMaskLoss(batch); } catch {}
    gc();
    setTimeout(() => device.synchronize().then(() => console.log('right'), ({ code }) => console.log(code)), 20);`;
  const stdout = onCuda ? 'ERR_ROI_LOSS_LABEL\n' : 'right\n';
  assert.equal(ends(wrong), { status: 0, signal: null, stdout, stderr: '' });
});

if (onStandin)
  test('steps whose device fails reject nothing by themselves', () => {
    const script = `${start}
      fusedMaskLoss(batch);
      const step = fusedMaskLoss(batch);
      gc();
      setTimeout(() => step.loss().catch(({ code }) => console.log(code)), 20);`;
    const env = { ROI_STANDIN_FAIL: 'cuEventSynchronize:*=719,cuEventQuery:*=719' };
    assert.equal(ends(script, env), {
      ...{ status: 0, signal: null, stdout: 'ERR_ROI_LOSS_DEVICE\n', stderr: '' },
    });
  });

test('two copies of the package in one process, and another context', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-'));
  for (const part of ['dist', 'package.json', 'node_modules/node-gyp-build', 'build/Release/roi-loss.node'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  const own = { classLogits: inputs.classLogits, labels: inputs.labels };
  const expected = fusedClassLoss(own);
  const path = require.resolve(join(root, 'dist', 'index.js'));
  const cached = Object.keys(require.cache).filter((key) => key.startsWith(join(root, 'dist')));
  const modules = cached.map((key) => [key, require.cache[key]] as const);
  for (const key of cached) delete require.cache[key];
  const copies = [require(path), require(join(folder, 'dist', 'index.js'))];
  for (const [key, module] of modules) require.cache[key] = module;
  for (const copy of copies) {
    using itsDevice = copy.openDevice(name);
    const { loss, grad } = copy.fusedClassLoss(own, { device: itsDevice });
    assert.is(loss, expected.loss);
    assertSame(grad, expected.grad, 'gradient');
    // Handles are of the copy that made them.
    for (const foreign of [
      () => copy.fusedClassLoss(own, { device }),
      () => fusedClassLoss(own, { device: itsDevice }),
    ])
      await throws(foreign, TypeError, 'ERR_ROI_LOSS_TYPE', 'device');
    await throws(
      () => copy.fusedLoss(prepared()),
      TypeError,
      'ERR_ROI_LOSS_TYPE',
      'of another copy of roi-loss',
    );
    const labels = itsDevice.tensor(new Int32Array(1), [1]);
    await throws(() => device.batch({ labels, classes: 2 }), TypeError, 'ERR_ROI_LOSS_TYPE', 'labels');
  }
  const context = createContext({ require, own, result: undefined });
  runInContext(
    `const roiLoss = require('roi-loss');
     result = roiLoss.fusedClassLoss({ classLogits: Float32Array.from(own.classLogits), labels: Int32Array.from(own.labels) }, { device: '${name}' });`,
    context,
  );
  assert.is(context.result.loss, expected.loss);
  rmSync(folder, { recursive: true });
});

test.run();
