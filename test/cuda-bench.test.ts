import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNcu } from '../bench/cuda/ncu';
import type { Run } from '../bench/output';
import { openTestDevice, simulated } from './support/device';
import { capturesStreams } from './support/stream';

// The GPU's half of the benchmarks runs to its end, on whatever device is under test. No time is looked at.

const test = suite('benchmarks of a GPU');

function runsToItsEnd(): void {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));
  try {
    const main = join(__dirname, '..', 'bench', 'main.ts');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        'tsx',
        '--expose-gc',
        main,
        '--device',
        'cuda',
        '--quick',
        '--filter',
        'R = F = 512',
        '--out',
        folder,
      ],
      { encoding: 'utf8' },
    );
    assert.is(status, 0, stderr);
    const file = readdirSync(folder).find((name) => name.endsWith('.json'));
    const run = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as Run;
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
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const columns = 'every column is measured, and a stand-in says that it is one';
if (capturesStreams(openTestDevice())) {
  test(columns, runsToItsEnd);
} else {
  console.log(`skipped: ${columns} — this driver has no CUDA graphs`);
  test.skip(columns);
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
