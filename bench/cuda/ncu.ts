import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type Case } from '../cases';
import { formatNumber, formatTable, formatTime } from '../table';
import { cudaCases } from './cases';

// The traffic of the fused kernel by NVIDIA's profiler, R = F = 4096: node --import tsx bench/cuda/ncu.ts [FILE.json [FILE.txt]].
// Needs ncu, and the right to read the GPU's counters. Each case is told and written as it comes; one that fails is told too.

/** Bytes read from DRAM, and sectors that pass the L2, may be at most so many times the least. */
const target = 1.02;
const bytesOfSector = 32;
/** Names of ncu. What is written stays in the L2 when the kernel ends: its bytes of DRAM would say nothing. */
const metrics = {
  read: 'dram__bytes_read.sum',
  sectors: 'lts__t_sectors.sum',
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

/** The last of the steps of `step.ts`. The card's clocks are left as they are. */
function profile({ name }: Case): Measured {
  const { status, error, stdout, stderr } = spawnSync(
    'ncu',
    [
      ...['--kernel-name', 'regex:roi_step', '--launch-skip', '2', '--launch-count', '1'],
      ...['--clock-control', 'none'],
      ...['--metrics', Object.values(metrics).join(), '--csv', '--print-units', 'base'],
      ...[process.execPath, '--import', 'tsx', join(__dirname, 'step.ts'), name],
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`ncu ended with ${status}:\n${stdout}${stderr}`);
  return parseNcu(stdout);
}

interface Profiled extends Measured {
  readonly name: string;
  /** What must be read, and what must be read and written, in bytes. */
  readonly leastRead: number;
  readonly least: number;
}

function tableOf(profiled: readonly Profiled[]): string {
  const judge = (ratio: number) => `${ratio.toFixed(3)} ${ratio <= target ? 'met' : 'MISSED'}`;
  const megabytes = (bytes: number) => formatNumber(bytes / 1e6);
  const rows = profiled.map(({ name, leastRead, least, read, sectors, throughput, nanoseconds }) => [
    name,
    megabytes(leastRead),
    megabytes(read),
    judge(read / leastRead),
    megabytes(least),
    megabytes(sectors * bytesOfSector),
    judge((sectors * bytesOfSector) / least),
    `${throughput.toFixed(1)}%`,
    formatTime(nanoseconds / 1e3),
  ]);
  const limit = `≤ ${target}`;
  const header = ['MB', 'least', 'read', limit, 'least', 'L2 sectors', limit, 'DRAM throughput', 'time'];
  return formatTable(header, rows, process.stdout.columns ?? 120);
}

function main(): void {
  const [json, text] = process.argv.slice(2);
  const profiled: Profiled[] = [];
  for (const spec of cudaCases.filter(({ name }) => /^R = F = 4096, \w+$/.test(name))) {
    try {
      const least = bytesOf(spec);
      const leastRead = bytesOf({ ...spec, options: { ...spec.options, grad: false } });
      profiled.push({ name: spec.name, leastRead, least, ...profile(spec) });
      console.log(tableOf(profiled.slice(-1)));
    } catch (error) {
      console.log(`${spec.name}: ${(error as Error).message}`);
      process.exitCode = 1;
    }
    if (json) writeFileSync(json, `${JSON.stringify(profiled, undefined, 1)}\n`);
    if (text && profiled.length > 0) writeFileSync(text, `${tableOf(profiled)}\n`);
  }
}

if (require.main === module) main();
