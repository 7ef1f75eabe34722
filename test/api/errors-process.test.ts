import { execFileSync } from 'node:child_process';
import { devices, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { throws } from '../support/throws';

const test = suite('errors of a process');

test('a device that is not available throws with the reason', async () => {
  for (const { name, available, reason } of devices())
    if (!available)
      await throws(() => openDevice(name), Error, 'ERR_ROI_LOSS_DEVICE', name, reason as string);
  await throws(() => openDevice('cuda:99'), Error, 'ERR_ROI_LOSS_DEVICE', 'cuda:99');
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

test('an instruction set in the environment that is none', async () => {
  const before = process.env.ROI_LOSS_SIMD;
  process.env.ROI_LOSS_SIMD = 'sse2';
  const names = ["ROI_LOSS_SIMD is 'sse2'", "'avx512', 'avx2', 'baseline'"];
  await throws(() => openDevice('cpu'), RangeError, 'ERR_ROI_LOSS_OPTION', ...names);
  if (before === undefined) delete process.env.ROI_LOSS_SIMD;
  else process.env.ROI_LOSS_SIMD = before;
});

test.run();
