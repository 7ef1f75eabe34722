import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mergeResults } from '../merge';
import type { Run } from '../run';
import { spread } from '../statistics';
import { formatTable, formatTime } from '../table';
import type { Result } from '../targets';
import { gpu } from './targets';

// Times other builds beside this one on the headline cases: node --import tsx bench/cuda/variants.ts FOLDER RESULTS.
// FOLDER/NAME/build/Release holds the addon of each, as bench/gpu-host.sh --variant puts it there. They take turns, twice, each
// in a process of its own, which node-gyp-build lets load another addon by ROI_LOSS_PREBUILD. RESULTS gets variants.txt after each.

const rounds = 2;
const own = 'this build';
const filters = ['R = 512, F = 128', 'R = F = 512'].flatMap((text) => ['--filter', text]);

function main(): void {
  const [folder, results] = process.argv.slice(2) as [string, string];
  const names = [own, ...readdirSync(folder).sort()];
  const measured = new Map(names.map((name) => [name, [] as Result[][]]));
  for (let round = 0; round < rounds; round++)
    for (const name of names) {
      const file = join(results, `variant-${names.indexOf(name)}-${round}.json`);
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [
          ...['--import', 'tsx', '--expose-gc', join(__dirname, '..', 'main.ts')],
          ...['--device', 'cuda', '--quick', '--peers', 'none', ...filters, '--json', file],
        ],
        {
          encoding: 'utf8',
          env: { ...process.env, ...(name === own ? {} : { ROI_LOSS_PREBUILD: join(folder, name) }) },
        },
      );
      if (status !== 0) {
        console.log(`${name}: FAILED (${status})\n${stdout}${stderr}`);
        process.exitCode = 1;
      }
      if (existsSync(file)) {
        const [run] = JSON.parse(readFileSync(file, 'utf8')) as Run[];
        measured.get(name)!.push([...run!.results]);
      }
      writeFileSync(join(results, 'variants.txt'), `${tableOf(measured)}\n`);
    }
  console.log(tableOf(measured));
}

/** A line for each case, a column for each build: a step's time on the GPU. */
function tableOf(measured: ReadonlyMap<string, readonly (readonly Result[])[]>): string {
  const merged = [...measured].map(([name, runs]) => [name, mergeResults(runs)] as const);
  const cases = [...new Set(merged.flatMap(([, results]) => results.map(({ spec }) => spec.name)))];
  const cell = (results: readonly Result[], name: string) => {
    const timing = results.find(({ spec }) => spec.name === name)?.timings[gpu];
    return timing ? `${formatTime(timing.median)} ±${Math.round(100 * spread(timing))}%` : '–';
  };
  const rows = cases.map((name) => [name, ...merged.map(([, results]) => cell(results, name))]);
  return formatTable(['case', ...merged.map(([name]) => name)], rows, process.stdout.columns ?? 100);
}

main();
