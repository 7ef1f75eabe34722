import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type DType, fusedClassLoss, type Tensor } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { asynchronous, openTestDevice, simulated } from '../support/device';
import { throws } from '../support/throws';

// Tensors that another process opens. For a GPU and the stand-in; ptxrun's memory is of its process alone.

const test = suite('memory of other processes on CUDA');

const device = openTestDevice();
const sizes = { rois: 50, classes: 7, maskSize: [1, 1] as const };

/** What another process needs to open a tensor. */
const nameOf = (tensor: Tensor) => ({
  handle: [...tensor.ipcHandle()],
  shape: tensor.shape,
  dtype: tensor.dtype,
});

/**
 * Opens tensors by their names, and a view of the first from its third element on; reads all, computes, and scales the
 * scores in place, so that the owner sees it.
 */
const child = `
  const { fusedClassLoss, openDevice } = require('roi-loss');
  const { scores, labels } = JSON.parse(process.argv[1]);
  const device = openDevice('${device.name}');
  const open = ({ handle, shape, dtype }, offset) => device.tensorFromIpc(Uint8Array.from(handle), shape, dtype, offset);
  const classLogits = open(scores);
  const mine = open(labels);
  const within = open({ ...scores, shape: [4] }, 8);
  const batch = device.batch({ classLogits, labels: mine });
  const read = (tensor) => Array.from(tensor.readSync());
  const result = { scores: read(classLogits), labels: read(mine), within: read(within), loss: fusedClassLoss(batch).lossSync() };
  batch.dispose();
  let refused;
  try { open({ ...scores, shape: [2 ** 24] }) } catch ({ code, message }) { refused = code + ': ' + message }
  mine.write(Int32Array.from(result.labels, (label) => (label + 1) % 7));
  mine.readSync();
  for (const tensor of [classLogits, mine, within]) tensor.dispose();
  console.log(JSON.stringify({ ...result, refused }));`;

/** What the child prints, given the names of tensors. */
async function runChild(names: object) {
  const { stdout, status } = await new Promise<{ stdout: string; status: number }>((resolve) => {
    const process_ = spawn(process.execPath, ['-e', child, JSON.stringify(names)], {
      cwd: __dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    process_.stdout.on('data', (data) => {
      stdout += data;
    });
    once(process_, 'close').then(([code]) => resolve({ stdout, status: code }));
  });
  assert.is(status, 0);
  return JSON.parse(stdout);
}

function addTests(): void {
  test('two small tensors, which the driver has in one block', async () => {
    const { classLogits, labels } = inputsOf(1, sizes);
    // Not only the first of a block: others lie before and behind.
    const others = [1, 2, 3].map((value) => device.tensor(new Float32Array(300).fill(value), [300]));
    const scores = device.tensor(classLogits, [sizes.rois, sizes.classes]);
    const between = device.tensor(new Uint8Array(100).fill(9), [100]);
    const own = device.tensor(labels, [sizes.rois]);
    const batch = device.batch({ classLogits: scores, labels: own });
    const loss = await fusedClassLoss(batch).loss();
    const names = { scores: nameOf(scores), labels: nameOf(own) };
    for (let run = 0; run < 2; run++) {
      const theirs = await runChild(names);
      assert.equal(theirs.scores, [...classLogits]);
      assert.equal(theirs.labels, [...labels]);
      assert.equal(theirs.within, [...classLogits.subarray(2, 6)]);
      assert.is(theirs.loss, loss);
      assert.match(theirs.refused, /^ERR_ROI_LOSS_SHAPE: handle names \d+ bytes; expected 67108864/);
      // What the other process wrote, and nothing else.
      const written = labels.map((label) => (label + 1) % 7);
      assert.equal(own.readSync(), written);
      assert.equal(scores.readSync(), classLogits);
      for (const [i, other] of others.entries())
        assert.ok((other.readSync() as Float32Array).every((x) => x === i + 1));
      assert.ok((between.readSync() as Uint8Array).every((x) => x === 9));
      own.write(labels);
      own.readSync();
    }
    for (const tensor of [...others, scores, between, own]) tensor.dispose();
  });

  test('a handle of this process is refused by the driver, and a tensor within an allocation has none', async () => {
    const tensor = device.tensor(new Float32Array(16), [16]);
    const open = () => device.tensorFromIpc(tensor.ipcHandle(), [16], 'float32');
    await throws(open, Error, 'ERR_ROI_LOSS_DEVICE', "opening another process's memory");
    const within = device.tensorAt(tensor.pointer + 4n, [4], 'float32' satisfies DType);
    await throws(
      () => within.ipcHandle(),
      RangeError,
      'ERR_ROI_LOSS_SHAPE',
      'begin where its allocation does',
    );
  });
}

if (simulated && !asynchronous) {
  console.log("skipped: memory of other processes — ptxrun's memory is of its process alone");
  test.skip('memory of other processes');
} else {
  addTests();
}

test.run();
