import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fusedLoss, openDevice } from 'roi-loss';
import { floats, random } from '../../lib/reference/random';
import { formatTable } from '../table';
import { type TrafficCase, trafficCases } from './cases';
import { markdownTable, writeSection } from './document';

// `npm run kernels:traffic`: what the kernels ask of memory, counted by an interpreter of the PTX that nvcc made. It is
// found as libcuda.so.1 and logs a line of counters for each launch. It is no GPU and has no notion of time.

interface Counters {
  readonly thread_instr: number;
  readonly gld_sectors: number;
  readonly gst_sectors: number;
  readonly atom_sectors: number;
  readonly s_conflicts: number;
}

const folder = mkdtempSync(join(tmpdir(), 'roi-loss-traffic-'));
const log = join(folder, 'launches.jsonl');
process.env.PTXRUN_LOG = log;
process.env.PTXRUN_SMS = '1';

const lastLaunch = (): Counters =>
  JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) as string).counters;

/**
 * The counters of the second step over new labels, which has to clear what the first has written. With a normalizer: the
 * count of a mean costs every block 4 bytes a RoI more, whatever the term.
 */
function count({ sizes, options }: TrafficCase, rois: number): Counters {
  using device = openDevice('cuda');
  using batch = device.batch({ ...sizes, rois });
  const next = random(1);
  for (const [name, tensor] of Object.entries(batch.inputs)) {
    if (name === 'maskTargets' && tensor.dtype === 'float32')
      tensor.write(floats(next, tensor.length, 1).map(Math.abs));
    else if (tensor.dtype === 'float32') tensor.write(floats(next, tensor.length, 4));
    if (tensor.dtype === 'uint8') tensor.write(new Uint8Array(tensor.length).map(() => Math.round(next())));
    // The upper half of a float is a bfloat16.
    if (tensor.dtype === 'bfloat16')
      tensor.write(new Uint16Array(floats(next, tensor.length).buffer).filter((_, i) => i % 2 === 1));
  }
  for (const shift of [0, 1]) {
    batch.write({ labels: new Int32Array(rois).map((_, r) => 1 + ((r + shift) % (sizes.classes - 1))) });
    fusedLoss(batch, { normalizer: rois, ...options }).lossesSync();
  }
  return lastLaunch();
}

const bytesOf = (c: Counters) => 32 * (c.gld_sectors + c.gst_sectors + c.atom_sectors);
const [few, many] = [128, 384] as const;

/** What a RoI adds to a launch: the difference of two, over a grid that is the same. */
function rowOf(spec: TrafficCase): string[] {
  const [a, b] = [count(spec, few), count(spec, many)];
  const eachRoi = (of: (c: Counters) => number) => (of(b) - of(a)) / (many - few);
  const moved = eachRoi(bytesOf);
  const instructions = eachRoi((c) => c.thread_instr);
  return [
    spec.name,
    String(spec.least),
    moved.toFixed(0),
    (moved / spec.least).toFixed(3),
    spec.pixels ? (instructions / spec.pixels).toFixed(1) : '–',
    instructions.toFixed(0),
    String(b.s_conflicts),
  ];
}

const header = [
  'launch',
  'least bytes',
  'bytes moved',
  'ratio',
  'PTX instructions a pixel',
  'a RoI',
  'bank conflicts',
];

try {
  const rows = trafficCases.map(rowOf);
  const { description } = openDevice('cuda');
  if (process.argv.includes('--write'))
    writeSection('traffic', `Counted by ${description}.\n\n${markdownTable(header, rows)}`);
  console.log(`${description}\n${formatTable(header, rows, process.stdout.columns ?? 110)}`);
} finally {
  rmSync(folder, { recursive: true });
}
