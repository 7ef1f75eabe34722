import { spawnSync } from 'node:child_process';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { onCuda, openTestDevice, unlessSimulated } from '../support/device';
import { hasCommand } from '../support/prebuilds';
import { soaking, unlessSoaking } from '../support/soak';

// The runner gives --expose-gc. `npm run test:soak` prints the figures of docs/reliability-report.md.

const gc = globalThis.gc ?? (() => assert.unreachable('run with --expose-gc'));
const megabytes = () => process.memoryUsage().rss / 2 ** 20;
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Above the jitter of V8's heap, below a leak of 150 bytes a call on a batch. */
const flat = 6;

const test = suite('memory');

const device = openTestDevice({ threads: 1 });
/** Calls of a function whose memory is looked at. Those on a batch take the least time. */
const callsOf = (what: string) =>
  unlessSimulated(
    unlessSoaking(what.endsWith('batch') ? 5e4 : 1e4, what.endsWith('refused') ? 1e5 : 1e6),
    unlessSoaking(30, 1e4),
  );
const cycles = unlessSimulated(unlessSoaking(1000, 1e4), unlessSoaking(100, 1e4));
const sizes = { rois: 2, classes: 3, maskSize: [7, 7] as const };
const { classes, maskSize } = sizes;
const inputs = inputsOf(1, sizes);

const figures = (what: string, before: number, after: number) => {
  if (soaking) console.log(`${what}: ${before.toFixed(1)} MiB before, ${after.toFixed(1)} after`);
};

/** Rounds that are made in any case. */
const least = unlessSimulated(unlessSoaking(1, 3), 1);

/** The least of three rounds: what leaks does so in each, V8's heap grows in one or another. */
async function growth(what: string, calls: number, use: () => unknown): Promise<number> {
  const run = async (n: number) => {
    for (let i = 0; i < n; i++) use();
    await turn();
    gc();
  };
  // V8 first grows the part of its heap where short-lived objects go.
  await run(Math.min(2 * calls, unlessSimulated(1e5, 1e4)));
  const rounds: number[] = [];
  for (let round = 0; round < least || (round < 3 && Math.min(...rounds) > flat); round++) {
    const before = megabytes();
    await run(calls);
    const after = megabytes();
    figures(`${calls} × ${what}`, before, after);
    rounds.push(after - before);
  }
  return Math.min(...rounds);
}

const batch = device.batch(sizes);
batch.write(inputs);

const everyCall: { readonly [what: string]: () => unknown } = {
  'fusedLoss on arrays': () => fusedLoss(inputs, { classes, maskSize, device }),
  'fusedClassLoss on arrays': () => fusedClassLoss(inputs, { device }),
  'fusedBoxLoss on arrays': () => fusedBoxLoss(inputs, { classes, device }),
  'fusedMaskLoss on arrays': () => fusedMaskLoss(inputs, { classes, maskSize, device }),
  'fusedLoss on a batch': () => fusedLoss(batch, { metrics: true, reduction: 'none' }),
  'fusedClassLoss on a batch': () => fusedClassLoss(batch, { classWeights: Float32Array.of(1, 2, 3) }),
  'fusedBoxLoss on a batch': () =>
    fusedBoxLoss(batch, { reduction: 'none', backward: Float32Array.of(1, 2) }),
  'fusedMaskLoss on a batch': () => fusedMaskLoss(batch, { kind: 'dice' }),
  'write and read': () => {
    batch.write(inputs);
    batch.grads.boxDeltas.readSync();
  },
  'calls that are refused': () =>
    assert.throws(() => fusedLoss({ ...inputs, labels: new Int32Array(1) }, { classes, maskSize, device })),
};

if (!onCuda) {
  const imageSize = [20, 30] as const;
  const { boxTargets: _, maskTargets: __, ...logits } = inputs;
  const scene = sceneOf(1, { rois: sizes.rois, objects: 2, imageSize });
  const { gtPolygons, ...bitmaps } = scene;
  const { gtMasks: ___, ...polygons } = scene;
  const objects = device.batch({ ...sizes, objects: 2, imageSize });
  objects.write({ ...logits, ...bitmaps });
  Object.assign(everyCall, {
    'targets from bitmaps, on a batch': () => fusedLoss(objects),
    'targets from polygons, on arrays': () =>
      fusedLoss({ ...logits, ...polygons }, { classes, maskSize, device, targets: true }),
  });
}

for (const [what, call] of Object.entries(everyCall))
  test(`${what} leaves resident memory flat`, async () => {
    const grown = await growth(what, callsOf(what), call);
    assert.ok(grown < flat, `grew by ${grown} MiB`);
  });

test('launches of a graph, and graphs, leave resident memory flat', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(1, sizes));
  const classWeights = new Float32Array(sizes.classes).fill(1);
  const options = { metrics: true, class: { classWeights } };
  const graph = batch.capture(() => fusedLoss(batch, options));
  const launched = await growth('launches of a graph', callsOf('batch'), () => graph.launch());
  assert.ok(launched < flat, `launches: grew by ${launched} MiB`);
  const captured = await growth('graphs', callsOf('batch') / 10, () =>
    batch.capture(() => fusedLoss(batch, options)).dispose(),
  );
  assert.ok(captured < flat, `graphs: grew by ${captured} MiB`);
});

test('steps that are queued leave resident memory flat', async () => {
  const rois = unlessSimulated(1400, 14);
  const large = { rois, classes: 2, maskChannels: 1, terms: ['mask'] as const };
  const batch = device.batch(large);
  batch.write({ labels: new Int32Array(rois).fill(1) });
  const before = megabytes();
  const times = unlessSimulated(unlessSoaking(400, 4000), 100);
  for (let i = 0; i < times; i++) await fusedMaskLoss(batch).loss();
  for (let i = 0; i < times; i++) fusedMaskLoss(batch);
  await device.synchronize();
  gc();
  const grown = megabytes() - before;
  figures(`${2 * times} × steps that are queued`, before, before + grown);
  // The gradients are touched for the first time.
  assert.ok(grown < flat + (rois * 784 * 8) / 2 ** 20, `grew by ${grown} MiB`);
});

test('tensors and batches that are forgotten are collected', async () => {
  const array = new Float32Array(2 ** 18);
  const before = megabytes();
  let peak = before;
  for (let i = 0; i < unlessSoaking(unlessSimulated(1000, 600), 10000); i++) {
    device.tensor(array, [2 ** 18]);
    device.batch({ rois: 300, classes: 2, terms: ['mask'], maskChannels: 1 });
    await turn();
    peak = Math.max(peak, megabytes());
  }
  figures('tensors of 1 MiB and batches that are forgotten, at most', before, peak);
  // More than that of tensors went by.
  assert.ok(peak - before < 400, `peaked ${peak - before} MiB above`);
});

test('tensors that are disposed are freed at once', () => {
  const array = new Float32Array(2 ** 18);
  const before = megabytes();
  for (let i = 0; i < unlessSimulated(unlessSoaking(2000, 10000), 200); i++)
    device.tensor(array, [2 ** 18]).dispose();
  assert.ok(megabytes() - before < 16);
});

test('batches that are disposed are freed at once, even if their steps are kept', async () => {
  const maskLogits = new Float32Array(512 * 784);
  const labels = new Int32Array(512).fill(1);
  const steps: unknown[] = [];
  const cycle = async () => {
    const batch = device.batch({ rois: 512, classes: 2, maskChannels: 1, terms: ['mask'] });
    batch.write({ maskLogits, labels });
    const step = fusedMaskLoss(batch, { grad: false });
    steps.push(step, fusedMaskLoss(batch, { grad: false }));
    await step.loss();
    await device.synchronize();
    batch.dispose();
  };
  for (let i = 0; i < 3; i++) await cycle();
  const before = megabytes();
  // 1.5 MiB of logits each, and twice as much that is not touched.
  for (let i = 0; i < unlessSimulated(100, 20); i++) await cycle();
  assert.ok(megabytes() - before < 24, `grew by ${megabytes() - before} MiB`);
});

test('creating, using and disposing leaves resident memory flat', async () => {
  const grown = await growth('batch, write, step, dispose', cycles, () => {
    using own = device.batch(sizes);
    own.write(inputs);
    fusedLoss(own);
  });
  assert.ok(grown < flat, `batches: grew by ${grown} MiB`);
  const devices = await growth('openDevice, dispose', unlessSoaking(cycles / 2, cycles), () => {
    openTestDevice({ threads: 1 }).dispose();
  });
  assert.ok(devices < flat, `devices: grew by ${devices} MiB`);
});

/** Lets the process have no more than so much address space beyond what it has. */
const limitTo = (script: string) => `
  const { execFileSync } = require('node:child_process');
  const { readFileSync } = require('node:fs');
  const limit = (bytes) => execFileSync('prlimit', ['--pid', process.pid, '--as=' + bytes + ':unlimited']);
  const used = () => /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1] * 1024;
  ${script}`;

if (!onCuda && process.platform === 'linux' && hasCommand('prlimit')) {
  test('out of memory on the host: an error, again and again, and all goes on after it', () => {
    const script = limitTo(`
      const { fusedClassLoss, openDevice } = require('roi-loss');
      const device = openDevice('cpu', { threads: 1 });
      const rois = 1e7;
      const large = { classLogits: new Float32Array(2 * rois), labels: new Int32Array(rois) };
      const small = { classLogits: Float32Array.of(1, 2), labels: Int32Array.of(1) };
      const codeOf = (attempt) => { try { attempt(); return 'none'; } catch (error) { return error.code; } };
      const step = () => fusedClassLoss(large, { device, grad: false }).loss;
      const before = fusedClassLoss(small, { device }).loss;
      // Room for one of three losses a RoI.
      limit(used() + 120e6);
      const codes = [codeOf(step), codeOf(step), codeOf(() => device.batch({ rois: 1e8, classes: 3 }))];
      const same = fusedClassLoss(small, { device }).loss === before;
      limit('unlimited');
      console.log(JSON.stringify({ codes, same, after: codeOf(step) }));`);
    const { stdout, stderr, signal } = spawnSync(process.execPath, ['-e', script], {
      cwd: __dirname,
      encoding: 'utf8',
    });
    assert.is(signal, null, stderr);
    const code = 'ERR_ROI_LOSS_MEMORY';
    assert.equal(JSON.parse(stdout), { codes: [code, code, code], same: true, after: 'none' });
  });

  test('no thread to be had: an error, and all goes on after it', () => {
    const script = limitTo(`
      const { fusedMaskLoss, openDevice } = require('roi-loss');
      const sizes = { rois: 4096, classes: 2, maskChannels: 1, terms: ['mask'] };
      const batch = openDevice('cpu', { threads: 2 }).batch(sizes);
      const codeOf = (attempt) => { try { attempt(); return 'none'; } catch (error) { return error.code; } };
      // The stack of a thread is twice as large.
      limit(used() + 500e6);
      const refused = codeOf(() => fusedMaskLoss(batch));
      limit('unlimited');
      console.log(refused, codeOf(() => fusedMaskLoss(batch).lossSync()));`);
    const args = ['--stack=1073741824', process.execPath, '-e', script];
    const { stdout, stderr } = spawnSync('prlimit', args, { cwd: __dirname, encoding: 'utf8' });
    assert.is(stdout, 'ERR_ROI_LOSS_DEVICE none\n', stderr);
  });
} else {
  console.log('skipped: out of memory on the host — for the CPU, on Linux with prlimit');
  test.skip('out of memory on the host');
}

test('calls with out leave no work for a full garbage collection', async () => {
  const large = { rois: 2, classes: 81, maskSize: [28, 28] as const };
  const { classes, maskSize } = large;
  const inputs = inputsOf(1, large);
  const out = fusedLoss(inputs, { classes, maskSize, device }).grads;
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    const kinds = list.getEntries().map((entry) => (entry as { detail?: { kind: number } }).detail?.kind);
    collections += kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MAJOR).length;
  });
  const run = async (calls: number) => {
    for (let i = 0; i < calls; i++) fusedLoss(inputs, { classes, maskSize, device, out });
    await turn();
  };
  await run(unlessSimulated(2000, 20));
  gc();
  await turn();
  observer.observe({ entryTypes: ['gc'] });
  await run(unlessSimulated(1e4, 100));
  await turn();
  observer.disconnect();
  // V8 may have grown its heap. Without `out` there are several.
  assert.ok(collections <= 1, `${collections} collections`);
});

test.run();
