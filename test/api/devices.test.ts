import { devices, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('devices');

const gpus = devices().filter(({ name }) => name.startsWith('cuda'));
const gpu = gpus.find(({ available }) => available);

test('the CPU is always there, and the default without a GPU that can be used', () => {
  const [cpu] = devices();
  assert.is(cpu?.name, 'cpu');
  assert.is(cpu?.available, true);
  assert.match(cpu?.description as string, 'CPU, ');
  assert.is(openDevice().name, gpu?.name ?? 'cpu');
});

test('the number of threads is what was asked for', () => {
  assert.match(openDevice('cpu', { threads: 1 }).description, ', 1 thread');
  assert.match(openDevice('cpu', { threads: 7 }).description, ', 7 threads');
});

test('a device that is not available says why', () => {
  for (const { available, reason } of devices()) assert.is(available, reason === undefined);
});

if (!gpu) {
  console.log(`skipped: the suites on a CUDA GPU — ${gpus[0]?.reason}`);
  test.skip('the suites on a CUDA GPU');
}

test.run();
