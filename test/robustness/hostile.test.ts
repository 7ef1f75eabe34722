import { MessageChannel } from 'node:worker_threads';
import * as roiLoss from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { assertLosses } from '../support/close';
import { fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice } from '../support/device';
import { good, options, throws } from '../support/throws';

// What no honest caller passes. Most of these were found by fuzzing, and went wrong once.

const test = suite('hostile calls');

const device = openTestDevice({ threads: 1 });
const made = () => device.batch({ rois: 4, ...options });

test('inputs that are inherited are inputs', async () => {
  const inputs = good();
  const batch = made();
  batch.write(Object.create(inputs));
  assertLosses(await fusedLoss(batch).losses(), referenceLoss(inputs, options).losses);
  assertLosses(fusedLoss(Object.create(inputs), options).losses, referenceLoss(inputs, options).losses);
});

test("a getter among a step's options that runs another step of the batch", async () => {
  const batch = made();
  batch.write(good());
  const alone = await fusedMaskLoss(batch, { kind: 'dice' }).loss();
  const within = fusedMaskLoss(batch, {
    kind: 'dice',
    get eps() {
      fusedMaskLoss(batch, { weight: 1000 });
      return 1e-6;
    },
  });
  assert.is(await within.loss(), alone);
});

test("getters among a step's options that dispose what the step needs", async () => {
  for (const part of ['device', 'batch'] as const) {
    const own = openTestDevice({ threads: 1 });
    const batch = own.batch({ rois: 4, ...options });
    const disposing = {
      kind: 'dice' as const,
      get eps() {
        ({ device: own, batch })[part].dispose();
        return 1e-6;
      },
    };
    await throws(() => fusedMaskLoss(batch, disposing), TypeError, 'ERR_ROI_LOSS_DISPOSED', part);
    own.dispose();
  }
});

const transfer = ({ buffer }: Float32Array) => structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });

test('a getter that detaches an array which was read before', async () => {
  const inputs = good();
  const detaching = {
    ...options,
    get device() {
      transfer(inputs.maskLogits);
      return device;
    },
  };
  // Not that of support/device, which would read the getter before.
  await throws(() => roiLoss.fusedLoss(inputs, detaching), TypeError, 'ERR_ROI_LOSS_BUFFER', 'maskLogits');
});

test('a getter that detaches an array before its length is read', async () => {
  const boxDeltas = new Float32Array(4);
  const detaching = {
    device,
    get classes() {
      transfer(boxDeltas);
      return 2;
    },
  };
  await throws(
    () =>
      roiLoss.fusedBoxLoss(
        { labels: new Int32Array(1), boxDeltas, boxTargets: new Float32Array(4) },
        detaching,
      ),
    RangeError,
    'ERR_ROI_LOSS_SHAPE',
    'boxDeltas',
  );
});

/** An array with properties of its own that say otherwise. */
const lying = (array: Float32Array, properties: object) =>
  Object.assign(Object.create(null), { array, properties });
const withProperties = ({ array, properties }: { array: Float32Array; properties: object }) =>
  Object.defineProperties(
    array,
    Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, { value }])),
  ) as Float32Array;

test('arrays that lie about themselves', async () => {
  const shared = lying(new Float32Array(new SharedArrayBuffer(48)), { buffer: new ArrayBuffer(48) });
  await throws(
    () => fusedLoss({ ...good(), classLogits: withProperties(shared) }, options),
    TypeError,
    'ERR_ROI_LOSS_BUFFER',
    'classLogits',
    'SharedArrayBuffer',
  );
  const long = withProperties(lying(new Float32Array(4), { length: 400 }));
  await throws(() => device.tensor(long, [20, 20]), RangeError, 'ERR_ROI_LOSS_SHAPE', 'array', '4', '400');
  const classWeights = withProperties(lying(Float32Array.of(1, -1, Number.NaN), { forEach() {} }));
  const inputs = { classLogits: new Float32Array(3), labels: Int32Array.of(0) };
  await throws(
    () => fusedClassLoss(inputs, { classWeights }),
    RangeError,
    'ERR_ROI_LOSS_OPTION',
    'classWeights[1]',
  );
});

test('shapes that are no shapes', async () => {
  const tensor = (shape: unknown) => () => device.tensor(new Float32Array(12), shape as number[]);
  const refused = (shape: unknown, ...words: string[]) =>
    throws(tensor(shape), RangeError, 'ERR_ROI_LOSS_SHAPE', ...words);
  await refused(new Array(3), 'shape[0]', 'undefined');
  await refused(new Array(2 ** 32 - 1), 'shape', '4294967295');
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  await refused(cyclic, 'shape[0]');
  let reads = 0;
  const get = (target: object, key: string) =>
    (key === '0' ? (reads++ === 0 ? 1 : -1) : 1) * Reflect.get(target, key);
  assert.equal(tensor(new Proxy([3, 4], { get }))().shape, [3, 4]);
});

test('no Proxy or heir of a handle is one', async () => {
  const batch = made();
  for (const fake of [new Proxy(batch, {}), Object.create(batch)])
    await throws(() => fusedLoss(fake), TypeError, 'ERR_ROI_LOSS_TYPE', 'inputs is a Batch');
  for (const fake of [new Proxy(device, {}), Object.create(device)])
    await throws(
      () => fusedLoss(good(), { ...options, device: fake }),
      TypeError,
      'ERR_ROI_LOSS_TYPE',
      'device',
    );
  const labels = device.tensor(new Int32Array(4), [4]);
  const classLogits = device.tensor(new Float32Array(12), [4, 3]);
  for (const fake of [new Proxy(labels, {}), Object.create(labels)])
    await throws(() => device.batch({ classLogits, labels: fake }), TypeError, 'ERR_ROI_LOSS_TYPE', 'labels');
});

test('a handle is of the thread that made it', async () => {
  const batch = made();
  const { port1 } = new MessageChannel();
  for (const [what, handle] of Object.entries({
    device,
    batch,
    tensor: batch.inputs.labels,
    step: fusedLoss(batch),
  }))
    for (const send of [() => structuredClone(handle), () => port1.postMessage({ handle })])
      assert.throws(
        send,
        (error: Error) => error.name === 'DataCloneError' && error.message.includes('of roi-loss'),
        what,
      );
  port1.close();
});

test('an eps that float32 does not have', async () => {
  const classProbs = Float32Array.of(0, 1);
  const labels = Int32Array.of(0);
  for (const eps of [1e-300, 1e-45, 0, Number.NaN])
    await throws(
      () => fusedClassLoss({ classProbs, labels }, { eps }),
      RangeError,
      'ERR_ROI_LOSS_OPTION',
      'eps',
      '2^-126',
    );
  const { loss, grad } = fusedClassLoss({ classProbs, labels }, { eps: 2 ** -126 });
  assert.ok(Math.abs(loss - 126 * Math.LN2) < 1e-4);
  assert.ok(Math.abs((grad[0] as number) / 2 ** 126 + 1) < 1e-6);
});

test.run();
