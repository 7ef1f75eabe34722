import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeviceInfo, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onStandin } from './support/device';
import { throws } from './support/throws';

// What is said where the driver does not load or start. For the stand-in, which fails on demand.

const test = suite('the CUDA driver');

interface Told {
  readonly devices: readonly DeviceInfo[];
  /** The message of opening 'cuda' by name, or what was opened. */
  readonly named: string;
  /** What is opened where no name is given. */
  readonly nameless: string;
}

/** What a process with this environment tells of its devices. */
function tellUnder(env: NodeJS.ProcessEnv): Told {
  const script = `
    const { devices, openDevice } = require('roi-loss');
    const open = () => { try { return openDevice('cuda').name } catch (error) { return error.code + ': ' + error.message } };
    console.log(JSON.stringify({ devices: devices(), named: open(), nameless: openDevice().name }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: __dirname,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.is(stderr, '');
  return JSON.parse(stdout);
}

/** Fails unless no GPU is found, for a reason with these words. */
function noDriver(env: NodeJS.ProcessEnv, ...words: (string | RegExp)[]): void {
  const { devices, named, nameless } = tellUnder(env);
  const [, gpu, ...more] = devices;
  assert.is(gpu?.available, false);
  assert.is(more.length, 0);
  for (const word of words) assert.match(gpu.reason as string, word);
  assert.is(named, `ERR_ROI_LOSS_DEVICE: cannot open 'cuda:0': ${gpu.reason}`);
  assert.is(nameless, 'cpu');
}

function addTests(): void {
  test("a driver that does not load: the loader's words", () => {
    const folder = mkdtempSync(join(tmpdir(), 'roi-loss-'));
    const library = join(folder, 'libcuda.so.1');
    writeFileSync(library, 'no library');
    noDriver({ LD_LIBRARY_PATH: folder }, 'could not be loaded', library, 'too short');
    rmSync(folder, { recursive: true });
  });

  test('a driver that does not start: its error and the number', () => {
    noDriver({ ROI_STANDIN_FAIL: 'cuInit:*=999' }, 'does not start', 'an unknown CUDA error (999)');
    noDriver({ ROI_STANDIN_FAIL: 'cuDriverGetVersion:*=3' }, 'CUDA_ERROR_NOT_INITIALIZED (3)', 'version');
    noDriver({ ROI_STANDIN_DRIVER_VERSION: '10020' }, 'too old', 'CUDA 10.2');
  });

  test('a stub library is named, with its path', () =>
    noDriver(
      { ROI_STANDIN_FAIL: 'cuInit:*=34' },
      'CUDA_ERROR_STUB_LIBRARY (34)',
      /a stub library stands first in the loader's path: \/.*libcuda\.so\.1$/,
    ));

  test('no GPU: CUDA_VISIBLE_DEVICES is named where it is set', () => {
    const env = { ROI_STANDIN_DEVICES: '0', CUDA_VISIBLE_DEVICES: undefined };
    noDriver(env, /finds no GPU: CUDA_ERROR_NO_DEVICE \(100\)$/);
    for (const CUDA_VISIBLE_DEVICES of ['', '7', '-1'])
      noDriver(
        { ...env, CUDA_VISIBLE_DEVICES },
        `finds no GPU: CUDA_ERROR_NO_DEVICE (100); CUDA_VISIBLE_DEVICES is '${CUDA_VISIBLE_DEVICES}'`,
      );
  });

  test('a number of no GPU is not taken for that of another', async () => {
    for (const number of ['2', '4294967296', '4294967297', '18446744073709551616', '9'.repeat(400)])
      await throws(
        () => openDevice(`cuda:${number}`),
        Error,
        'ERR_ROI_LOSS_DEVICE',
        `cannot open 'cuda:${number.slice(0, 30)}`,
        'there are 2 GPUs on this machine',
      );
    assert.is(openDevice('cuda:01').name, 'cuda:1');
  });
}

if (onStandin) {
  addTests();
} else {
  console.log('skipped: what the driver says — the stand-in alone fails on demand');
  test.skip('what the driver says');
}

test.run();
