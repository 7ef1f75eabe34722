import { spawnSync } from 'node:child_process';
import {
  type Device,
  type DType,
  devices,
  fusedClassLoss,
  fusedLoss,
  type HostArray,
  openDevice,
} from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { assertLoss, assertLosses } from '../support/close';
import { onStandin, openTestDevice, simulated } from '../support/device';
import { assertCloseAs, inputsAs } from '../support/half';
import { inputShapes } from '../support/shapes';
import { standinControl } from '../support/standin';
import { throws } from '../support/throws';

// Memory that other code has made, memory of other devices, and the end of memory.

const test = suite('memory on CUDA');

const device = openTestDevice();
const options = { classes: 5, maskSize: [8, 6] as const };
const rois = 9;
const elementBytes = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint8: 1 };
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

const shapes = inputShapes({ rois, ...options });

for (const dtype of ['float32', 'float16', 'bfloat16'] as const)
  for (const maskTargetType of [dtype, 'uint8'] as const)
    test(`addresses one element from an aligned one: ${dtype}, targets ${maskTargetType}`, async () => {
      const { arrays, exact } = inputsAs(dtype, inputsOf(1, { rois, ...options }));
      const bytes = Uint8Array.from(exact.maskTargets, (y) => (y < 0.5 ? 0 : 1));
      const isBytes = maskTargetType === 'uint8';
      const types: { readonly [name: string]: DType } = {
        boxTargets: 'float32',
        labels: 'int32',
        maskTargets: maskTargetType,
      };
      const tensors = Object.entries(shapes).map(([name, shape]) => {
        const array: HostArray =
          name === 'maskTargets' && isBytes ? bytes : arrays[name as keyof typeof shapes];
        const type = types[name] ?? dtype;
        const Room = array.constructor as new (length: number) => HostArray;
        const room = device.tensor(new Room(array.length + 1), [array.length + 1], type);
        const inner = device.tensorAt(room.pointer + BigInt(elementBytes[type]), shape, type);
        inner.write(array);
        return { name, room, inner };
      });
      const batch = device.batch(Object.fromEntries(tensors.map(({ name, inner }) => [name, inner])));
      const step = { reduction: 'sum', gradScale: 64, mask: { kind: { bce: 0.5, dice: 0.5 } } } as const;
      const expected = referenceLoss(isBytes ? { ...exact, maskTargets: bytes } : exact, {
        ...options,
        ...step,
      });
      assertLosses(await fusedLoss(batch, step).losses(), expected.losses);
      for (const name of names)
        assertCloseAs(dtype, await batch.grads[name].read(), expected.grads[name], name);
      assert.ok(tensors.every(({ room }) => !room.disposed));
    });

test('addresses that are not those of so much memory of the device', async () => {
  const tensor = device.tensor(new Float32Array(4), [4]);
  const borrow = (pointer: bigint, length: number) => () => device.tensorAt(pointer, [length], 'float32');
  const refused = (attempt: () => unknown, ...words: string[]) =>
    throws(attempt, RangeError, 'ERR_ROI_LOSS_SHAPE', 'pointer', ...words);
  await refused(borrow(4096n, 1), 'no address');
  await refused(borrow(openDevice('cpu').tensor(new Float32Array(4), [4]).pointer, 4), 'no address');
  await refused(borrow(tensor.pointer, 2 ** 20), 'end of its allocation');
});

if (onStandin) {
  test('memory that a VMM allocator mapped in pieces', async () => {
    const control = standinControl();
    const piece = 2 ** 16;
    const address = control.map(8 * piece, piece);
    // Over four pieces, from the last element of one to the first of another.
    const begin = address + BigInt(piece - 4);
    const classes = (2 * piece + 16) / 16;
    const { classLogits, labels } = inputsOf(4, { rois: 4, classes, maskSize: [1, 1] });
    const scores = device.tensorAt(begin, [4, classes], 'float32');
    scores.write(classLogits);
    assert.equal(scores.readSync(), classLogits);
    const batch = device.batch({ classLogits: scores, labels: device.tensor(labels, [4]) });
    const expected = referenceLoss({ classLogits, labels }, { classes });
    assertLoss(await fusedClassLoss(batch).loss(), expected.losses.class);
    // To the last byte that is mapped, and one beyond, where addresses are reserved and nothing is mapped.
    const rest = 7 * piece + 4;
    device.tensorAt(begin, [rest], 'uint8');
    const code = 'ERR_ROI_LOSS_SHAPE';
    const beyond = () => device.tensorAt(begin, [rest + 1], 'uint8');
    await throws(beyond, RangeError, code, `lies ${rest} bytes before the end`, `has ${rest + 1}`);
    await throws(
      () => device.tensorAt(address + BigInt(8 * piece), [1], 'uint8'),
      RangeError,
      code,
      'no address',
    );
    await throws(() => scores.ipcHandle(), RangeError, code, 'this tensor', 'no such handle');
    // A driver that does not tell of the range.
    control.fail('cuPointerGetAttribute:2=1');
    device.tensorAt(begin, [rest], 'uint8');
    control.fail('');
  });
} else {
  console.log(
    'skipped: memory that a VMM allocator mapped in pieces — the stand-in alone makes some without PyTorch',
  );
  test.skip('memory that a VMM allocator mapped in pieces');
}

if (simulated) {
  test('freed memory: little of it is kept, and another device gets that too', () => {
    const script = `
      const { openDevice } = require('roi-loss');
      const [one, other] = [openDevice('cuda'), openDevice('cuda')];
      const take = (device, mebibytes) => device.allocate('memory', [mebibytes * 2 ** 20], 'uint8');
      take(one, 300).dispose(); // more than is kept
      take(other, 300).dispose();
      const kept = take(one, 200);
      kept.dispose();
      take(other, 300).dispose(); // with what the first keeps
      const last = take(one, 200);
      one.dispose();
      last.dispose();
      take(other, 300).dispose();
      console.log('right');`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: __dirname,
      encoding: 'utf8',
      env: { ...process.env, ROI_STANDIN_MEM_MB: '400', PTXRUN_MEM_MB: '400' },
    });
    assert.is(stderr, '');
    assert.is(stdout, 'right\n');
  });
} else {
  console.log('skipped: freed memory — only what plays a GPU has as little memory as one likes');
  test.skip('freed memory');
}

test('tensors of another device', async () => {
  for (const other of [openTestDevice(), openDevice('cpu')]) {
    const labels = device.tensor(new Int32Array(rois), [rois]);
    const classLogits = other.tensor(new Float32Array(rois * 5), [rois, 5]);
    await throws(
      () => device.batch({ classLogits, labels }),
      TypeError,
      'ERR_ROI_LOSS_DEVICE',
      'classLogits',
      'another device',
    );
  }
});

const secondGpu = devices().find(({ name }) => name === 'cuda:1');
if (secondGpu?.available) {
  test('memory and streams of another GPU', async () => {
    const other: Device = openDevice('cuda:1');
    const { pointer } = other.tensor(new Float32Array(4), [4]);
    const code = 'ERR_ROI_LOSS_SHAPE';
    await throws(() => device.tensorAt(pointer, [4], 'float32'), RangeError, code, 'memory of GPU 1');
    await throws(() => openTestDevice({ stream: other.stream }), RangeError, code, 'no stream of this GPU');
    const inputs = inputsOf(3, { rois, ...options });
    const [here, there] = [device, other].map((d) => {
      const batch = d.batch({ rois, ...options });
      batch.write(inputs);
      return fusedLoss(batch).losses();
    });
    assert.equal(await here, await there);
  });
} else {
  console.log('skipped: memory and streams of another GPU — there is one alone');
  test.skip('memory and streams of another GPU');
}

/** Uses up memory, then shows that what there was and what is made then work. Prints the codes of the failures. */
const exhaust = (bytes: number) => `
  const { fusedLoss, openDevice } = require('roi-loss');
  const device = openDevice('cuda');
  const terms = ['class'];
  const small = () => device.batch({ rois: 100, classes: 7, terms });
  const lossOf = async (batch) => {
    batch.write({ classLogits: new Float32Array(700).map((_, i) => i % 5), labels: new Int32Array(100).fill(3) });
    return (await fusedLoss(batch).losses()).total;
  };
  /** Of logits that take up a share of the memory, and a gradient that takes up as much. */
  const ofShare = (share) => device.batch({ rois: Math.floor(share * ${bytes} / 4000), classes: 1000, terms });
  (async () => {
    const before = small();
    const loss = await lossOf(before);
    const codes = [];
    for (const share of [2, 0.6, 0.6]) {
      try {
        ofShare(share);
      } catch (error) {
        codes.push(error.code, error instanceof RangeError);
      }
    }
    const large = ofShare(0.35);
    const all = [await lossOf(before), await lossOf(small())];
    large.dispose();
    console.log(JSON.stringify({ codes, same: all.every((x) => x === loss) }));
  })();
`;

test('out of memory: an error of its own, and all the rest goes on', () => {
  const simulatedBytes = 64 * 2 ** 20;
  const bytes = simulated ? simulatedBytes : (devices().find(({ name }) => name === 'cuda:0')?.memory ?? 0);
  const limits = { ROI_STANDIN_MEM_MB: '64', PTXRUN_MEM_MB: '64' };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', exhaust(bytes)], {
    cwd: __dirname,
    encoding: 'utf8',
    env: { ...process.env, ...limits },
  });
  assert.is(stderr, '');
  const code = 'ERR_ROI_LOSS_MEMORY';
  assert.equal(JSON.parse(stdout), { codes: [code, true, code, true, code, true], same: true });
});

test('devices() tells what each GPU is', () => {
  const gpus = devices().filter(({ name }) => name.startsWith('cuda:'));
  assert.ok(gpus.length > 0);
  for (const { available, computeCapability, driver, memory } of gpus) {
    assert.is(available, true);
    assert.match(computeCapability as string, /^\d+\.\d$/);
    assert.match(driver as string, /^\d+\.\d$/);
    assert.ok((memory as number) > 0);
  }
});

test.run();
