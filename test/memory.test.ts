import { fusedLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../lib/reference/random';
import { openTestDevice, unlessSimulated } from './support/device';

// The runner gives --expose-gc.

const gc = globalThis.gc ?? (() => assert.unreachable('run with --expose-gc'));
const megabytes = () => process.memoryUsage().rss / 2 ** 20;
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Below the jitter of V8's heap, far below a leak of 100 bytes a call. */
const flat = 6;

const test = suite('memory');

const device = openTestDevice({ threads: 1 });
/** Steps whose memory is looked at. */
const steps = unlessSimulated(1e5, 300);
const sizes = { rois: 2, classes: 3, maskSize: [7, 7] as const };

/** The least of three rounds: what leaks does so in each, V8's heap grows in one or another. */
async function growth(calls: number, use: () => void): Promise<number> {
  const run = async (n: number) => {
    for (let i = 0; i < n; i++) use();
    await turn();
    gc();
  };
  // V8 first grows the part of its heap where short-lived objects go.
  await run(2 * calls);
  const rounds: number[] = [];
  for (let round = 0; round < 3; round++) {
    const before = megabytes();
    await run(calls);
    rounds.push(megabytes() - before);
  }
  return Math.min(...rounds);
}

test('mask steps with handles leave resident memory flat', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const grown = await growth(steps, () => fusedMaskLoss(batch, { kind: 'dice' }));
  console.log(`${steps} steps: ${grown.toFixed(2)} MiB`);
  assert.ok(grown < flat, `grew by ${grown} MiB`);
});

test('whole steps with metrics leave resident memory flat', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const grown = await growth(steps, () => fusedLoss(batch, { metrics: true, reduction: 'none' }));
  assert.ok(grown < flat, `grew by ${grown} MiB`);
});

test('launches of a graph, and graphs, leave resident memory flat', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const classWeights = new Float32Array(sizes.classes).fill(1);
  const options = { metrics: true, class: { classWeights } };
  const graph = batch.capture(() => fusedLoss(batch, options));
  const launched = await growth(steps, () => graph.launch());
  assert.ok(launched < flat, `launches: grew by ${launched} MiB`);
  const captured = await growth(steps / 10, () => batch.capture(() => fusedLoss(batch, options)).dispose());
  assert.ok(captured < flat, `graphs: grew by ${captured} MiB`);
});

test('steps that are queued leave resident memory flat', async () => {
  const rois = unlessSimulated(1400, 14);
  const large = { rois, classes: 2, maskChannels: 1, terms: ['mask'] as const };
  const batch = device.batch(large);
  batch.write({ labels: new Int32Array(rois).fill(1) });
  const before = megabytes();
  const times = unlessSimulated(400, 100);
  for (let i = 0; i < times; i++) await fusedMaskLoss(batch).loss();
  for (let i = 0; i < times; i++) fusedMaskLoss(batch);
  await device.synchronize();
  gc();
  const grown = megabytes() - before;
  // The gradients are touched for the first time.
  assert.ok(grown < flat + (rois * 784 * 8) / 2 ** 20, `grew by ${grown} MiB`);
});

test('tensors and batches that are forgotten are collected', async () => {
  const array = new Float32Array(2 ** 18);
  const before = megabytes();
  let peak = before;
  for (let i = 0; i < unlessSimulated(1000, 200); i++) {
    device.tensor(array, [2 ** 18]);
    device.batch({ rois: 300, classes: 2, terms: ['mask'], maskChannels: 1 });
    await turn();
    peak = Math.max(peak, megabytes());
  }
  // 1,000 MiB of tensors went by.
  assert.ok(peak - before < 400, `peaked ${peak - before} MiB above`);
});

test('tensors that are disposed are freed at once', () => {
  const array = new Float32Array(2 ** 18);
  const before = megabytes();
  for (let i = 0; i < unlessSimulated(2000, 200); i++) device.tensor(array, [2 ** 18]).dispose();
  assert.ok(megabytes() - before < 16);
});

test.run();
