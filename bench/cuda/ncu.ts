import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type Case } from '../cases';
import { formatNumber, formatTable, formatTime } from '../table';
import { cudaCases } from './cases';

// The DRAM traffic of the fused kernel by NVIDIA's profiler, R = F = 4096: node --import tsx bench/cuda/ncu.ts [FILE.json].
// Needs ncu, and the right to read the GPU's counters.

const target = 1.02;
/** Names of ncu. */
const metrics = {
  read: 'dram__bytes_read.sum',
  written: 'dram__bytes_write.sum',
  throughput: 'dram__throughput.avg.pct_of_peak_sustained_elapsed',
  nanoseconds: 'gpu__time_duration.sum',
} as const;

type Measured = { readonly [K in keyof typeof metrics]: number };

/** What ncu's lines of comma-separated values tell. @throws where a metric is not among them */
export function parseNcu(csv: string): Measured {
  const rows = csv
    .split('\n')
    .filter((line) => line.startsWith('"'))
    .map((line) => line.slice(1, -1).split('","'));
  const column = (name: string) => rows[0]?.indexOf(name) ?? -1;
  const [names, values] = [column('Metric Name'), column('Metric Value')];
  const entries = Object.entries(metrics).map(([key, metric]) => {
    const row = rows.find((cells) => cells[names] === metric);
    if (!row) throw new Error(`ncu does not tell ${metric}:\n${csv}`);
    return [key, Number(row[values]!.replaceAll(',', ''))];
  });
  return Object.fromEntries(entries);
}

/** The last of the steps of `step.ts`. */
function profile({ name }: Case): Measured {
  const { status, error, stdout, stderr } = spawnSync(
    'ncu',
    [
      ...['--kernel-name', 'regex:roi_step', '--launch-skip', '2', '--launch-count', '1'],
      ...['--metrics', Object.values(metrics).join(), '--csv', '--print-units', 'base'],
      ...[process.execPath, '--import', 'tsx', join(__dirname, 'step.ts'), name],
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`ncu ended with ${status}:\n${stdout}${stderr}`);
  return parseNcu(stdout);
}

function main(): void {
  const profiled = cudaCases
    .filter(({ name }) => name.startsWith('R = F = 4096'))
    .map((spec) => ({ name: spec.name, least: bytesOf(spec), ...profile(spec) }));
  const rows = profiled.map(({ name, least, read, written, throughput, nanoseconds }) => {
    const ratio = (read + written) / least;
    return [
      name,
      ...[least, read, written].map((bytes) => formatNumber(bytes / 1e6)),
      ratio.toFixed(3),
      `≤ ${target}`,
      ratio <= target ? 'met' : 'MISSED',
      `${throughput.toFixed(1)}%`,
      formatTime(nanoseconds / 1e3),
    ];
  });
  const header = ['case', 'least MB', 'read', 'written', 'ratio', 'target', '', 'DRAM throughput', 'time'];
  console.log(formatTable(header, rows, process.stdout.columns ?? 120));
  const file = process.argv[2];
  if (file) writeFileSync(file, `${JSON.stringify(profiled, undefined, 1)}\n`);
}

if (require.main === module) main();
