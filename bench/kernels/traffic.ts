import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fusedLoss, openDevice } from 'roi-loss';
import { floats, random } from '../../lib/reference/random';
import { formatTable } from '../table';
import { type TrafficCase, trafficCases } from './cases';

// What the kernels ask of memory, counted by an interpreter of the PTX that nvcc made: it is found as
// libcuda.so.1 and logs a line of counters for each launch. Not a GPU, and it has no notion of time.

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

const lastLaunch = (): Counters =>
  JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) as string).counters;

/** The counters of the second step over new labels, which has to clear what the first has written. */
function count({ sizes, options }: TrafficCase): Counters {
  using device = openDevice('cuda');
  using batch = device.batch(sizes);
  const next = random(1);
  const { rois, classes, dtype = 'float32' } = sizes;
  for (const [name, tensor] of Object.entries(batch.inputs)) {
    if (tensor.dtype === 'float32') tensor.write(floats(next, tensor.length, name === 'maskTargets' ? 1 : 4));
    if (tensor.dtype === 'uint8') tensor.write(new Uint8Array(tensor.length).map(() => Math.round(next())));
    // The upper half of a float is a bfloat16.
    if (tensor.dtype === 'bfloat16')
      tensor.write(new Uint16Array(floats(next, tensor.length).buffer).filter((_, i) => i % 2 === 1));
  }
  if (dtype === 'float16') throw new Error('float16 inputs are not made here');
  for (const shift of [0, 1]) {
    batch.write({ labels: new Int32Array(rois).map((_, r) => 1 + ((r + shift) % (classes - 1))) });
    fusedLoss(batch, options).lossesSync();
  }
  return lastLaunch();
}

try {
  const rows = trafficCases.map((spec) => {
    const c = count(spec);
    const moved = 32 * (c.gld_sectors + c.gst_sectors + c.atom_sectors);
    return [
      spec.name,
      String(spec.least),
      String(moved),
      (moved / spec.least).toFixed(3),
      spec.pixels ? (c.thread_instr / spec.pixels).toFixed(1) : '–',
      String(c.s_conflicts),
    ];
  });
  const header = ['launch', 'least bytes', 'bytes moved', 'ratio', 'instructions a pixel', 'bank conflicts'];
  console.log(formatTable(header, rows, process.stdout.columns ?? 110));
} finally {
  rmSync(folder, { recursive: true });
}
