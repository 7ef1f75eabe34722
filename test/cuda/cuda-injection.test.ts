import { execFileSync } from 'node:child_process';
import { type Device, openDevice, type RoiLossError } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onStandin } from '../support/device';
import { foreignMemory, life, works } from '../support/life';
import { soaking } from '../support/soak';
import { livingKinds, standinControl } from '../support/standin';

// Every call of the driver in a device's life fails, one after another: each time that is a clean error, nothing is
// left behind, the device goes on, and so do others. `npm test` takes some calls of each function, the soak all of them.
// For the stand-in, which fails on demand.

const test = suite('failures of the driver');

const gc = globalThis.gc ?? (() => assert.unreachable('run with --expose-gc'));
const turn = () => new Promise((resolve) => setImmediate(resolve));

const [outOfMemory, unknownError] = [2, 999];
const allocates = new Set(['cuMemAlloc_v2', 'cuMemHostAlloc']);
/** Where these fail, what was to be given back stays behind, and nobody is told. */
const releases = new Set([
  'cuMemFree_v2',
  'cuMemFreeHost',
  'cuStreamDestroy_v2',
  'cuEventDestroy_v2',
  'cuModuleUnload',
  'cuIpcCloseMemHandle',
  'cuGraphDestroy',
  'cuGraphExecDestroy',
  'cuDevicePrimaryCtxRelease_v2',
  'cuCtxPushCurrent_v2', // comes before each of them
  'cuCtxPopCurrent_v2',
]);
/** An address that the driver does not know is a wrong argument. */
const codes = ['ERR_ROI_LOSS_DEVICE', 'ERR_ROI_LOSS_MEMORY', 'ERR_ROI_LOSS_SHAPE'];

/** 1 to `count`, or a few of them. */
function numbersOf(count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  return soaking ? all : all.filter((n) => n <= 2 || n === count || n % Math.ceil(count / 4) === 0);
}

async function addTests(): Promise<void> {
  const control = standinControl();
  const living = () => livingKinds.map((kind) => control.count(kind));
  /** What there is of the driver's, once the garbage is collected, or if there is not what was before. */
  const livingAfter = async (before: readonly number[]) => {
    for (let i = 0; i < 10 && living().join() !== before.join(); i++) {
      gc();
      await turn();
    }
    return living();
  };
  const { handle: foreign, owner } = await foreignMemory();
  // Keeps the context, so that what is left in it can be counted.
  const keeper = openDevice('cuda');
  const kept = keeper.tensor(Float32Array.of(1, 2, 3), [3]);
  const expected = await life(foreign);
  await works(keeper);
  const before = control.functions().map((name) => control.count(name));
  await life(foreign);
  const calls = control
    .functions()
    .map((name, i) => ({ name, count: control.count(name) - (before[i] as number) }))
    .filter(({ count }) => count > 0);
  let [injected, errors] = [0, 0];
  const unhandled: unknown[] = [];
  process.on('unhandledRejection', (error) => unhandled.push(error));

  /** The device of the failed call, after it. */
  const goesOn = (what: string) => async (device: Device) => {
    control.fail('');
    assert.ok(await works(device), `${what}: the device does not go on`);
  };

  test('a capture mode that the thread keeps is not changed afterwards', async () => {
    const mode = control.count('capture mode');
    assert.ok(control.fail('cuThreadExchangeStreamCaptureMode:1=999'));
    assert.equal([...kept.readSync()], [1, 2, 3]);
    control.fail('');
    assert.is(control.count('capture mode'), mode);
  });

  for (const { name, count } of calls)
    test(`${name}, ${count} calls in a life`, async () => {
      let there = await livingAfter([]);
      for (const call of numbersOf(count)) {
        const what = `${name}:${call}=${allocates.has(name) ? outOfMemory : unknownError}`;
        assert.ok(control.fail(what));
        const outcome = await life(foreign, goesOn(what)).catch((error: RoiLossError) => error);
        control.fail('');
        injected++;
        if (outcome instanceof Error) {
          errors++;
          assert.ok(codes.includes(outcome.code), `${what}: ${outcome.stack}`);
        } else assert.equal(outcome, expected, what);
        const left = await livingAfter(there);
        // Where memory ends, pools give back what they keep, which may be less than before.
        if (!releases.has(name))
          assert.ok(
            left.every((n, kind) => n <= (there[kind] as number)),
            what,
          );
        there = left;
        assert.is(control.count('findings'), 0, what);
      }
      assert.equal([...kept.readSync()], [1, 2, 3], 'a tensor of another device');
      assert.ok(await works(keeper), 'another device');
      assert.equal(await life(foreign), expected, 'the next device');
      assert.equal(unhandled, []);
    });

  test('the driver does not start', () => {
    const script = `
      const { devices, openDevice } = require('roi-loss');
      for (let i = 0; i < 2; i++)
        try { openDevice('cuda') } catch (error) { console.log(error.code) }
      console.log(devices()[1].available, openDevice().name);`;
    for (const ROI_STANDIN_FAIL of ['cuInit:*=100', 'cuInit:*=999', 'cuDriverGetVersion:*=999']) {
      const env = { ...process.env, ROI_STANDIN_FAIL };
      const output = execFileSync(process.execPath, ['-e', script], {
        cwd: __dirname,
        encoding: 'utf8',
        env,
      });
      assert.is(output, 'ERR_ROI_LOSS_DEVICE\nERR_ROI_LOSS_DEVICE\nfalse cpu\n', ROI_STANDIN_FAIL);
    }
  });

  test.after(() => {
    owner.stdin?.end();
    console.log(`${injected} failures injected, ${errors} of them errors`);
  });
}

async function main(): Promise<void> {
  if (onStandin) {
    await addTests();
  } else {
    console.log('skipped: failures of the driver — the stand-in alone has them on demand');
    test.skip('failures of the driver');
  }
  test.run();
}

main();
