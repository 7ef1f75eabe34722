import { execFileSync } from 'node:child_process';
import { devices, fusedLoss, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { good, options, throws } from './support/throws';

const cpu = openDevice('cpu', { threads: 1 });
const sizes = { rois: 4, ...options };
const test = suite('errors of a process');

test('a device that is not available throws with the reason', () => {
  for (const { name, available, reason } of devices())
    if (!available) throws(() => openDevice(name), Error, 'ERR_ROI_LOSS_DEVICE', name, reason as string);
  throws(() => openDevice('cuda:99'), Error, 'ERR_ROI_LOSS_DEVICE', 'cuda:99');
});

test('after an error everything is usable', () => {
  const batch = cpu.batch(sizes);
  batch.write({ labels: Int32Array.of(0, 1, 2, 99) });
  assert.throws(() => fusedLoss(batch));
  batch.write(good());
  assert.equal(fusedLoss(batch).lossesSync(), fusedLoss(good(), options).losses);
});

test('a number of threads in the environment that is none', () => {
  const script =
    "const { openDevice } = require('roi-loss'); try { openDevice() } catch (e) { console.log(e.code, e.message) }";
  const run = (threads: string) =>
    execFileSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      cwd: __dirname,
      env: { ...process.env, ROI_LOSS_NUM_THREADS: threads },
    });
  assert.match(run('abc'), /ERR_ROI_LOSS_OPTION ROI_LOSS_NUM_THREADS is 'abc'/);
  assert.match(run('0'), /ERR_ROI_LOSS_OPTION ROI_LOSS_NUM_THREADS is 0/);
  assert.is(run('3'), '');
});

test.run();
