import { spawnSync } from 'node:child_process';
import { type Device, type DType, devices, fusedLoss, type HostArray, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../lib/reference';
import { inputsOf } from '../lib/reference/random';
import { assertLosses } from './support/close';
import { openTestDevice, simulated } from './support/device';
import { assertCloseAs, inputsAs } from './support/half';
import { throws } from './support/throws';

// Memory and streams that other code has made, memory of other devices, and the end of memory.

const test = suite('memory on CUDA');

const device = openTestDevice();
const options = { classes: 5, maskSize: [8, 6] as const };
const rois = 9;
const elementBytes = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint8: 1 };
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

/** The shapes of the inputs of all terms. */
const shapes = {
  classLogits: [rois, 5],
  boxDeltas: [rois, 5, 4],
  boxTargets: [rois, 4],
  maskLogits: [rois, 5, 8, 6],
  maskTargets: [rois, 8, 6],
  labels: [rois],
};

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

test("a caller's stream: steps run in its order, and it outlives the device", async () => {
  const second = openTestDevice({ stream: device.stream });
  assert.is(second.stream, device.stream);
  const inputs = inputsOf(2, { rois, ...options });
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    tensor: device.tensor(inputs[name as keyof typeof shapes], shape),
  }));
  const batch = second.batch(
    Object.fromEntries(
      tensors.map(({ name, tensor: { pointer, shape, dtype } }) => [
        name,
        second.tensorAt(pointer, shape, dtype),
      ]),
    ),
  );
  for (let i = 0; i < 10; i++) {
    // Written by one device and read by the other, with nothing but the stream between.
    inputs.maskLogits.forEach((z, k) => {
      inputs.maskLogits[k] = -z + i / 16;
    });
    tensors.find(({ name }) => name === 'maskLogits')?.tensor.write(inputs.maskLogits);
    assertLosses(await fusedLoss(batch).losses(), referenceLoss(inputs, options).losses);
  }
  second.dispose();
  const own = device.batch({ rois, ...options });
  own.write(inputs);
  assertLosses(await fusedLoss(own).losses(), referenceLoss(inputs, options).losses);
});

test('a stream that is no bigint', async () => {
  await throws(() => openTestDevice({ stream: 7 as never }), TypeError, 'ERR_ROI_LOSS_OPTION', 'stream', '7');
});

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
