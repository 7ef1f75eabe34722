import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeviceInfo, devices, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onStandin } from '../support/device';
import { livingKinds, standinControl } from '../support/standin';
import { throws } from '../support/throws';

// What is said where the driver does not load or start, or a GPU cannot be used. For the stand-in, which fails on demand.

const test = suite('the CUDA driver');

interface Told {
  readonly devices: readonly DeviceInfo[];
  /** What is opened as 'cuda', or the message. */
  readonly named: string;
  /** What is opened without a name. */
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
  assert.is(devices.length, 2);
  const gpu = devices[1] as DeviceInfo;
  assert.is(gpu.available, false);
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

  /** What the GPUs are said to be, and what opens, as [GPU 0's reason, GPU 1's, 'cuda', no name]. */
  const gpusUnder = (env: NodeJS.ProcessEnv) => {
    const { devices, named, nameless } = tellUnder(env);
    const gpus = devices.slice(1);
    assert.equal(
      gpus.map(({ name }) => name),
      ['cuda:0', 'cuda:1'],
    );
    for (const { available, reason } of gpus) assert.is(available, reason === undefined);
    if (gpus[0]?.reason)
      assert.is(named, `ERR_ROI_LOSS_DEVICE: cannot open 'cuda:0': ${gpus[0].reason}`, 'the same reason');
    else assert.is(named, 'cuda:0');
    return { reasons: gpus.map(({ reason }) => reason), gpus, nameless };
  };

  test('a GPU whose context cannot be made is not usable', () => {
    for (const [result, words] of [
      [2, "CUDA_ERROR_OUT_OF_MEMORY (2) while making the GPU's context: out of memory"],
      [46, 'CUDA_ERROR_DEVICE_UNAVAILABLE (46)'],
      [46, 'another process has the GPU to itself, or its compute mode forbids contexts'],
      [999, 'an unknown CUDA error (999)'],
    ] as const) {
      const all = gpusUnder({ ROI_STANDIN_FAIL: `cuDevicePrimaryCtxRetain:*=${result}` });
      for (const reason of all.reasons) assert.match(reason as string, words);
      assert.is(all.nameless, 'cpu');
      assert.is(all.gpus[0]?.computeCapability, '9.0', 'what is known is told');
    }
  });

  test('a GPU whose kernels do not load is not usable', () => {
    const none = gpusUnder({ ROI_STANDIN_FAIL: 'cuModuleLoadData:*=209' });
    for (const reason of none.reasons)
      assert.is(
        reason,
        'there are no kernels for compute capability 9.0; this build has them for 7.5 and newer',
      );
    assert.is(none.nameless, 'cpu');
    const broken = gpusUnder({ ROI_STANDIN_FAIL: 'cuModuleLoadData:*=200' });
    for (const reason of broken.reasons) assert.match(reason as string, 'CUDA_ERROR_INVALID_IMAGE (200)');
    assert.is(broken.nameless, 'cpu');
  });

  test('the first GPU that can be used is the default', () => {
    const old = gpusUnder({ ROI_STANDIN_CC: '61,75' });
    assert.match(old.reasons[0] as string, 'no kernels for compute capability 6.1');
    assert.is(old.reasons[1], undefined);
    assert.is(old.nameless, 'cuda:1');
    assert.is(gpusUnder({ ROI_STANDIN_CC: '75,61' }).nameless, 'cuda:0');
    assert.is(gpusUnder({ ROI_STANDIN_CC: '70' }).nameless, 'cpu');
    // Its context is made, but no memory is left in it.
    const script = `console.log(require('roi-loss').openDevice().name)`;
    const opened = (ROI_STANDIN_FAIL: string) =>
      execFileSync(process.execPath, ['-e', script], {
        cwd: __dirname,
        encoding: 'utf8',
        env: { ...process.env, ROI_STANDIN_FAIL },
      });
    assert.is(opened('cuMemAlloc_v2:1=2'), 'cuda:1\n');
    assert.is(opened('cuDevicePrimaryCtxRetain:1=46'), 'cuda:1\n');
    assert.is(opened('cuModuleLoadData:1=209'), 'cuda:1\n');
    assert.is(opened('cuMemAlloc_v2:*=2'), 'cpu\n');
  });

  test('a GPU that cannot be described is not usable, and the others are', () => {
    const [, first, second] = tellUnder({ ROI_STANDIN_FAIL: 'cuDeviceGetName:1=999' }).devices;
    assert.match(first?.reason as string, "asking for the GPU's name");
    assert.is(first?.description, 'NVIDIA GPU');
    assert.is(second?.available, true);
  });

  test('the command says why, and runs on what is left', () => {
    const main = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');
    const env = { ...process.env, ROI_STANDIN_CC: '61,75' };
    const output = execFileSync(process.execPath, [main, 'devices'], { encoding: 'utf8', env });
    assert.match(
      output,
      /cuda:0 +not usable +cuda \(stand-in\): there are no kernels for compute capability 6\.1/,
    );
    assert.match(output, /cuda:1 +usable +cuda \(stand-in\), compute capability 7\.5/);
  });

  test('a look at the devices leaves nothing behind', () => {
    const control = standinControl();
    const living = () => livingKinds.map((kind) => control.count(kind));
    const before = living();
    devices();
    assert.equal(living(), before);
    for (const what of [
      'cuModuleLoadData:1=209',
      'cuDevicePrimaryCtxRetain:1=2',
      'cuCtxPushCurrent_v2:1=999',
    ]) {
      control.fail(what);
      assert.equal(
        devices().map(({ available }) => available),
        [true, false, true],
        what,
      );
      control.fail('');
      assert.equal(living(), before, what);
    }
  });
}

if (onStandin) {
  addTests();
} else {
  console.log('skipped: what the driver says — the stand-in alone fails on demand');
  test.skip('what the driver says');
}

test.run();
