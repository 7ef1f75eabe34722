import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fusedLoss, type LossInputs, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Case, half } from '../../bench/cases';
import { encoded } from '../../bench/contenders';
import { tiny } from '../../bench/cuda/cases';
import { isBroken, measureElsewhere } from '../../bench/cuda/elsewhere';
import { expectedOf, outcomeOf, withAllChannels, writeInputs } from '../../bench/cuda/inputs';
import { memoryOf, nativeOf } from '../../bench/cuda/native';
import { parseNcu } from '../../bench/cuda/ncu';
import { inputsOf } from '../../bench/inputs';
import { disagreement, type Outcome } from '../../bench/outcome';
import type { Run } from '../../bench/run';
import { quick } from '../../bench/timing';
import { openTestDevice, simulated } from '../support/device';
import { capturesStreams } from '../support/stream';

// The GPU's half of the benchmarks runs to its end, on whatever device is under test. No time is looked at.

const test = suite('benchmarks of a GPU');

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly run: Run;
}

/** The benchmark, quick and without peers, as far as its JSON tells. */
function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));
  try {
    const main = join(__dirname, '..', '..', 'bench', 'main.ts');
    const json = join(folder, 'run.json');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        ...['--import', 'tsx', '--expose-gc', main, '--device', 'cuda', '--quick', '--peers', 'none'],
        ...['--json', json, '--out', folder, ...args],
      ],
      { encoding: 'utf8', env: { ...process.env, ...env } },
    );
    const [run] = JSON.parse(readFileSync(json, 'utf8')) as [Run];
    return { status, stdout, stderr, run };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runsToItsEnd(): void {
  const { status, stdout, stderr, run } = bench(['--filter', 'R = F = 512']);
  assert.is(status, 0, stderr);
  const names = run.results.map(({ spec }) => spec.name);
  for (const writing of ['sparse', 'compact', 'rewrite'])
    assert.ok(names.includes(`R = F = 512, ${writing}`), writing);
  for (const { timings, spec } of run.results)
    for (const lane of [
      'GPU',
      'copy',
      'memset',
      'empty kernel',
      'host, a call',
      'host, captured',
      'host, to losses',
    ])
      assert.ok(timings[lane]!.samples >= 3, `${spec.name}: ${lane}`);
  if (!simulated) return;
  assert.match(run.machine, /^cuda \((stand-in|ptxrun)\)/);
  assert.match(stdout, 'mean nothing');
  assert.is(run.verdicts.length, 0);
  for (const { spec } of run.results) assert.ok(spec.sizes.rois < 10, 'tiny sizes');
}

/** The third launch of a graph fails: it is one of the first case. */
function standsAlone(): void {
  const fail = { ROI_STANDIN_FAIL: 'cuGraphLaunch:3=2' };
  const { status, stdout, run } = bench(
    ['sparse', 'compact'].flatMap((how) => ['--filter', `R = F = 512, ${how}`]),
    fail,
  );
  assert.is(status, 1);
  assert.equal(
    run.failures.map(({ name }) => name),
    ['R = F = 512, sparse'],
  );
  assert.equal(
    run.results.map(({ spec }) => spec.name),
    ['R = F = 512, compact'],
  );
  assert.match(stdout, /Failed:\nR = F = 512, sparse: .*OUT_OF_MEMORY/);
}

function runsElsewhere(): void {
  assert.is(isBroken(), false);
  const { spec, timings } = measureElsewhere('R = F = 512, compact', quick, 'none');
  assert.is(spec.name, 'R = F = 512, compact');
  assert.ok(timings.GPU!.samples >= 3);
  assert.throws(() => measureElsewhere('nothing', quick, 'none'), /no case has 'nothing'/);
}

const dense: Case = {
  name: 'made up',
  group: 'CUDA',
  // More numbers than are drawn: later rows are copies.
  sizes: { rois: 40, classes: 81 },
  foreground: 30,
  options: {},
};

function repeatsRows(): void {
  using device = openTestDevice();
  for (const sizes of [dense.sizes, { ...dense.sizes, ...half('bfloat16').sizes }]) {
    const spec = { ...dense, sizes };
    const inputs = inputsOf(spec);
    using batch = device.batch(sizes);
    writeInputs(spec, inputs, batch);
    assert.ok(inputs.firstMaskLogits!.length < inputs.own.maskLogits!.length, 'rows are repeated');
    const expected = encoded(spec, inputs.own);
    for (const name of Object.keys(expected) as Exclude<keyof LossInputs, 'gtPolygons'>[])
      assert.ok(Buffer.from(batch.inputs[name].readSync().buffer).equals(bytesOf(expected[name]!)), name);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

function comparesAllChannels(): void {
  using device = openTestDevice();
  const spec = tiny(dense);
  const inputs = inputsOf(spec);
  const expected = expectedOf(spec, inputs);
  using batch = device.batch(spec.sizes);
  writeInputs(spec, inputs, batch);
  const outcome = outcomeOf(spec, inputs, batch);
  assert.is(disagreement(outcome, expected, 1e-5), undefined);

  // As peers compute it, and as the losses' own reference does on the CPU.
  using cpu = openDevice('cpu');
  using whole = cpu.batch(spec.sizes);
  whole.write(inputs.own);
  const { total } = fusedLoss(whole, spec.options).lossesSync();
  const grads = { maskLogits: whole.grads.maskLogits.readSync() as Float32Array };
  assert.is(
    disagreement({ loss: total, grads }, onlyMasks(withAllChannels(spec, inputs, expected)), 1e-5),
    undefined,
  );

  // A channel that is not the label's, of the last RoI.
  const { pointer } = memoryOf(batch.grads.maskLogits);
  const { length } = batch.grads.maskLogits;
  nativeOf(device)
    .borrow(pointer + BigInt(4 * (length - 1)), 4)
    .write(Float32Array.of(1));
  const last = inputs.labels[0].labels.at(-1) === spec.sizes.classes - 1;
  assert.ok(!last, 'the last channel is not its label');
  assert.throws(() => outcomeOf(spec, inputs, batch), /WRONG: the gradient of maskLogits\[5\] is not 0/);
}

const onlyMasks = ({ loss, grads: { maskLogits } }: Outcome): Outcome => ({
  loss,
  grads: { maskLogits: maskLogits! },
});

const captures = capturesStreams(openTestDevice());
const isStandIn = simulated && captures;
for (const [name, run, runsHere, reason] of [
  [
    'every column is measured, and a stand-in says that it is one',
    runsToItsEnd,
    captures,
    'this driver has no CUDA graphs',
  ],
  [
    'a case that fails is reported, and the others are measured',
    standsAlone,
    isStandIn,
    'it takes a stand-in',
  ],
  ['a case can be measured in a process of its own', runsElsewhere, isStandIn, 'it takes a stand-in'],
  ['rows of mask logits are repeated on the device', repeatsRows, captures, 'this driver does not copy'],
  [
    'a mask gradient is compared in the channel of the label, and is zero in all others',
    comparesAllChannels,
    captures,
    'this driver does not copy',
  ],
] as const) {
  if (runsHere) {
    test(name, run);
  } else {
    console.log(`skipped: ${name} — ${reason}`);
    test.skip(name);
  }
}

test('what ncu prints is read, and a metric that it does not print is an error', () => {
  const line = (name: string, unit: string, value: string) =>
    `"0","1","node","host","roi_step_float32","(132, 1, 1)","${name}","${unit}","${value}"`;
  const csv = [
    '==PROF== Connected to process 1',
    '"ID","Process ID","Process Name","Host Name","Kernel Name","Grid Size","Metric Name","Metric Unit","Metric Value"',
    line('dram__bytes_read.sum', 'byte', '28,311,552'),
    line('lts__t_sectors.sum', 'sector', '1,691,648'),
    line('dram__throughput.avg.pct_of_peak_sustained_elapsed', '%', '91.5'),
    line('gpu__time_duration.sum', 'ns', '17,504'),
  ];
  assert.equal(parseNcu(csv.join('\n')), {
    read: 28311552,
    sectors: 1691648,
    throughput: 91.5,
    nanoseconds: 17504,
  });
  assert.throws(() => parseNcu(csv.slice(0, 3).join('\n')), /lts__t_sectors/);
  assert.throws(() => parseNcu(''), /ncu does not tell/);
});

test.run();
