import { readFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { devices } from 'roi-loss';
import { type Arguments, parseArguments, usage } from './arguments';
import type { Case } from './cases';
import { formatChanges } from './compare';
import { startCpu } from './cpu';
import { startCuda } from './cuda/cuda';
import type { Half } from './half';
import { loadOf } from './machine';
import { mergeResults, mergeVerdicts } from './merge';
import { type Run, writeAll, writeJson } from './output';
import { absentLanes, forTerminal, tableOf, verdictTable } from './report';
import type { Result } from './targets';
import { quick, thorough } from './timing';

const width = process.stdout.columns ?? 100;

/** @throws with what there is, where the device that was asked for cannot be used */
async function startHalves({ device, quick: isQuick }: Arguments): Promise<Half[]> {
  const effort = isQuick ? quick : thorough;
  const gpu = devices().find(({ name }) => name.startsWith('cuda'));
  if (device === 'cuda' && !gpu?.available) throw new Error(`there is no CUDA device: ${gpu?.reason}`);
  const halves: Half[] = [];
  if (device !== 'cuda') halves.push(await startCpu(effort));
  if (device !== 'cpu' && gpu?.available) halves.push(await startCuda(effort));
  return halves;
}

function choose(half: Half, { filter, quick: isQuick }: Arguments): Case[] {
  return half.cases.filter(({ name, slow }) => name.includes(filter) && (filter || !isQuick || !slow));
}

/** Whether somebody has had enough: what was measured until then is told and written. */
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopped = true;
    console.log('\nstopping after this case; again to stop at once');
  });

/** All of `chosen`, with a progress bar; fewer where it was stopped. */
async function measureAll(chosen: readonly Case[], half: Half, label: string): Promise<Result[]> {
  const bar = new SingleBar({
    format: `${label}{bar} {value}/{total} {name}`,
    noTTYOutput: false,
    clearOnComplete: true,
    stopOnComplete: false,
    forceRedraw: true,
  });
  const results: Result[] = [];
  bar.start(chosen.length, 0, { name: '' });
  try {
    for (const spec of chosen) {
      // Signals come between the turns of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopped) break;
      bar.update(results.length, { name: spec.name });
      results.push(await half.measure(spec));
    }
  } finally {
    bar.stop();
  }
  return results;
}

async function runHalf(half: Half, args: Arguments): Promise<Run> {
  const { machine, device, peers, lanes } = half;
  const date = new Date().toISOString().slice(0, 10);
  const header = { date, machine, node: process.version, load: loadOf(), device };
  for (const [name, value] of Object.entries({ ...header, ...peers }))
    console.log(`${name.padEnd(16)} ${value}`);
  console.log();

  const runs: Result[][] = [];
  const chosen = choose(half, args);
  while (runs.length < args.runs && !stopped) {
    const label = args.runs > 1 ? `run ${runs.length + 1} of ${args.runs} ` : '';
    const results = await measureAll(chosen, half, label);
    // Of several runs an incomplete one has nothing to say.
    if (runs.length === 0 || !stopped) runs.push(results);
  }
  const results = mergeResults(runs);
  const verdicts = mergeVerdicts(runs.map((run) => half.verdictsOf(run)));
  console.log(`${half.caption}\n\n${forTerminal(tableOf(results, lanes), width)}\n`);
  if (verdicts.length > 0) console.log(`${forTerminal(verdictTable(verdicts), width)}\n`);
  const absent = absentLanes(results);
  if (absent.length > 0) console.log(`Not timed:\n${absent.join('\n')}\n`);
  if (absent.some((line) => line.includes('WRONG'))) process.exitCode = 1;
  return { ...header, peers, lanes, quick: args.quick, runs: runs.length, results, verdicts };
}

async function bench(args: Arguments, before: readonly Run[]): Promise<void> {
  const halves = await startHalves(args);
  try {
    const withCases = halves.filter((half) => choose(half, args).length > 0);
    if (withCases.length === 0) {
      const names = halves.flatMap((half) => half.cases.map(({ name }) => name));
      throw new Error(`no case has '${args.filter}' in its name; there are ${names.join('; ')}`);
    }
    const runs: Run[] = [];
    for (const half of withCases) if (!stopped) runs.push(await runHalf(half, args));
    const results = runs.flatMap((run) => run.results);
    if (args.compare) {
      const changes = formatChanges(
        before.flatMap((run) => run.results),
        results,
        width,
      );
      console.log(`Since ${args.compare}:\n${changes ?? 'nothing changed by more than the noise'}\n`);
    }
    console.log('bench/README.md says what is measured and how.');
    if (args.json) writeJson(args.json, runs);
    if (args.out) for (const run of runs) await writeAll(args.out, run);
  } finally {
    for (const half of halves) half[Symbol.dispose]();
  }
}

async function main(): Promise<void> {
  let args: Arguments;
  let before: Run[];
  try {
    args = parseArguments(process.argv.slice(2));
    // A run, as --out writes it, or several, as --json does.
    before = args.compare ? [JSON.parse(readFileSync(args.compare, 'utf8'))].flat() : [];
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (args.help) console.log(usage);
  else await bench(args, before);
}

// TensorFlow.js would print its source before an error that nobody catches.
main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
