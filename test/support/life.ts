import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { Batch, Device, Losses } from 'roi-loss';
import { openDevice } from 'roi-loss';
import { inputsOf } from '../../lib/reference/random';
import { fusedLoss, fusedMaskLoss } from './device';
import { inputsAs } from './half';
import { captureStream } from './stream';

// All that a device is used for in its life, once: what failures are injected into.

const shape = { classes: 3, maskSize: [4, 4] as const };
const rois = 3;
const inputs = inputsOf(1, { rois, ...shape });
const { arrays: bits } = inputsAs('bfloat16', inputs);

/** What `batches` leaves. */
let firstResults: (Losses | number[] | number)[] | undefined;

export type LifeResult = readonly (Losses | readonly number[] | number)[];

/** Steps with everything that a step can take, awaited or waited for. */
async function batches(device: Device, sync: boolean, results: (Losses | number[] | number)[]) {
  using batch = device.batch({ rois, ...shape });
  batch.write(inputs);
  const backward = Float32Array.of(1, 2, 3);
  const step = fusedLoss(batch, {
    metrics: true,
    reduction: 'none',
    backward,
    class: { classWeights: backward },
  });
  if (sync) {
    results.push(step.lossesSync(), [...batch.grads.classLogits.readSync()]);
  } else {
    results.push(await step.losses(), [...((await step.perRoi()).box ?? [])]);
    results.push([...(await batch.grads.maskLogits.read())]);
  }
}

/** Tensors of several element types, one of them borrowed: a launch for each type. */
async function tensors(device: Device, foreign: Uint8Array, results: (Losses | number[] | number)[]) {
  const labels = device.tensor(inputs.labels, [rois]);
  const classLogits = device.tensor(inputs.classLogits, [rois, 3]);
  const maskLogits = device.tensor(bits.maskLogits, [rois, 3, 4, 4], 'bfloat16');
  const maskTargets = device.tensor(inputs.maskTargets, [rois, 4, 4]);
  const borrowed = device.tensorAt(maskTargets.pointer, maskTargets.shape, 'float32');
  using batch = device.batch({ labels, classLogits, maskLogits, maskTargets: borrowed });
  fusedMaskLoss(batch, { kind: 'dice' });
  results.push(await fusedLoss(batch).losses());
  await device.synchronize();
  await graphs(device, batch, results);
  results.push(classLogits.ipcHandle().length);
  const shared = device.tensorFromIpc(foreign, [4], 'float32');
  results.push([...shared.readSync()]);
  for (const tensor of [shared, borrowed, maskTargets, maskLogits, classLogits, labels]) tensor.dispose();
}

/** A captured step, launched twice at once; both in a graph of the stream's owner, who runs what he got of it. */
async function graphs(device: Device, batch: Batch, results: (Losses | number[] | number)[]) {
  const backward = Float32Array.of(1, 2, 3);
  const options = { reduction: 'none', backward, class: { classWeights: backward } } as const;
  using graph = batch.capture(() => fusedLoss(batch, options));
  const launched = [graph.launch(), graph.launch()];
  for (const step of launched) results.push(await step.losses());
  const captured: ReturnType<typeof fusedLoss>[] = [];
  let failure: unknown;
  const owners = captureStream(device, () => {
    try {
      captured.push(graph.launch(), fusedLoss(batch, options));
    } catch (error) {
      failure = error;
    }
  });
  owners.launch();
  await device.synchronize();
  if (failure) throw failure;
  for (const step of captured) results.push(step.lossesSync());
}

/** Another device on the same stream; calls on arrays; several steps in flight that nobody asks for. */
async function others(device: Device, results: (Losses | number[] | number)[]) {
  const second = openDevice('cuda', { stream: device.stream });
  try {
    const { losses, grads } = fusedLoss(inputs, { ...shape, device: second });
    results.push(losses, [...grads.boxDeltas]);
    using batch = second.batch({ rois, ...shape, rewrite: true });
    batch.write(inputs);
    for (let i = 0; i < 3; i++) fusedLoss(batch);
  } finally {
    second.dispose();
  }
}

/** Another process that shares the floats 0 to 3 until its input ends, and their handle. */
export async function foreignMemory(): Promise<{
  readonly handle: Uint8Array;
  readonly owner: ChildProcess;
}> {
  const script = `
    const tensor = require('roi-loss').openDevice('cuda').tensor(Float32Array.of(0, 1, 2, 3), [4]);
    tensor.readSync();
    process.stdout.write(tensor.ipcHandle());
    process.stdin.resume();`;
  const owner = spawn(process.execPath, ['-e', script], {
    cwd: __dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [handle] = await once(owner.stdout, 'data');
  return { handle: new Uint8Array(handle), owner };
}

/** Whether the device still computes what it should. */
export async function works(device: Device): Promise<boolean> {
  const results: (Losses | number[] | number)[] = [];
  await batches(device, false, results);
  await batches(device, true, results);
  const numbers = Int32Array.from({ length: 1000 }, (_, i) => i);
  const read = device.tensor(numbers, [1000]).readSync();
  return isDeepStrictEqual(results, firstResults) && isDeepStrictEqual(read, numbers);
}

/**
 * A device's life; every time the same results. `foreign` names memory of another process; `failed` gets the device
 * whose life ends early.
 */
export async function life(
  foreign: Uint8Array,
  failed?: (device: Device) => Promise<void>,
): Promise<LifeResult> {
  const results: (Losses | number[] | number)[] = [];
  const device = openDevice('cuda');
  try {
    await batches(device, false, results);
    await batches(device, true, results);
    firstResults ??= results.slice();
    await tensors(device, foreign, results);
    await others(device, results);
  } catch (error) {
    await failed?.(device);
    throw error;
  } finally {
    device.dispose();
  }
  return results;
}
