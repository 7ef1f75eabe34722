import { readFileSync, writeFileSync } from 'node:fs';
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
import { writeAll, writeJson } from './output';
import { absentLanes, textOf } from './report';
import type { Failure, Run } from './run';
import type { Timing } from './statistics';
import type { Result } from './targets';
import { quick, thorough } from './timing';

const width = process.stdout.columns ?? 100;

/** @throws with what there is, where the device that was asked for cannot be used */
async function startHalves({ device, quick: isQuick, peers }: Arguments): Promise<Half[]> {
  const effort = isQuick ? quick : thorough;
  const gpu = devices().find(({ name }) => name.startsWith('cuda'));
  if (device === 'cuda' && !gpu?.available) throw new Error(`there is no CUDA device: ${gpu?.reason}`);
  const halves: Half[] = [];
  if (device !== 'cuda') halves.push(await startCpu(effort, peers));
  if (device !== 'cpu' && gpu?.available) halves.push(await startCuda(effort, peers));
  return halves;
}

function choose(half: Half, { filter, case: only, quick: isQuick }: Arguments): Case[] {
  if (only !== undefined) return half.cases.filter(({ name }) => name === only);
  const isWanted = ({ name, slow }: Case) =>
    filter.length > 0 ? filter.some((text) => name.includes(text)) : !isQuick || !slow;
  return half.cases.filter(isWanted);
}

/** Whether somebody has had enough: what was measured until then is told and written. */
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopped = true;
    console.log('\nstopping after this case; again to stop at once');
  });

interface Measured {
  readonly results: readonly Result[];
  readonly failures: readonly Failure[];
}

/** All of `chosen`, with a progress bar; fewer where it was stopped. `tell` gets the results so far after each. */
async function measureAll(
  chosen: readonly Case[],
  half: Half,
  label: string,
  tell: (measured: Measured) => void,
): Promise<Measured> {
  const bar = new SingleBar({
    format: `${label}{bar} {value}/{total} {name}`,
    noTTYOutput: false,
    clearOnComplete: true,
    stopOnComplete: false,
    forceRedraw: true,
  });
  const results: Result[] = [];
  const failures: Failure[] = [];
  bar.start(chosen.length, 0, { name: '' });
  try {
    for (const [i, spec] of chosen.entries()) {
      // Signals come between the turns of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      if (stopped) break;
      bar.update(i, { name: spec.name });
      try {
        results.push(await half.measure(spec));
      } catch (error) {
        // Others may do: what one run on a GPU can tell is not lost for the sake of one case.
        failures.push({ name: spec.name, message: (error as Error).message });
      }
      tell({ results, failures });
    }
  } finally {
    bar.stop();
  }
  return { results, failures };
}

/** `write` gets the run as far as it has come, after each case. */
async function runHalf(half: Half, args: Arguments, write: (run: Run) => void): Promise<Run> {
  const { machine, device, peers, lanes } = half;
  const date = new Date().toISOString().slice(0, 10);
  const header = { date, machine, node: process.version, load: loadOf(), device };
  for (const [name, value] of Object.entries({ ...header, ...peers }))
    console.log(`${name.padEnd(16)} ${value}`);
  console.log();

  const runOf = (all: readonly Measured[]): Run => ({
    ...header,
    peers,
    lanes,
    quick: args.quick,
    runs: all.length,
    results: mergeResults(all.map(({ results }) => results)),
    verdicts: mergeVerdicts(all.map(({ results }) => half.verdictsOf(results))),
    failures: all.flatMap(({ failures }) => failures),
  });
  const all: Measured[] = [];
  const chosen = choose(half, args);
  while (all.length < args.runs && !stopped) {
    const label = args.runs > 1 ? `run ${all.length + 1} of ${args.runs} ` : '';
    const measured = await measureAll(chosen, half, label, (some) => {
      if (all.length === 0) write(runOf([some]));
    });
    // Of several runs an incomplete one has nothing to say.
    if (all.length === 0 || !stopped) all.push(measured);
  }
  const run = runOf(all);
  write(run);
  console.log(`${half.caption}\n\n${textOf(run, width)}\n`);
  const isWrong = absentLanes(run.results).some((line) => line.includes('WRONG'));
  if (isWrong || run.failures.length > 0) process.exitCode = 1;
  return run;
}

/** Of a run for the sake of some peers, the columns that they stand beside. */
function shownOf(run: Run, { peers }: Arguments): Run {
  if (peers === 'all' || peers === 'none') return run;
  const isShown = ([lane]: [lane: string, timing: Timing]) => !/^(memset|empty kernel|host)/.test(lane);
  const results = run.results.map(({ timings, ...result }) => ({
    ...result,
    timings: Object.fromEntries(Object.entries(timings).filter(isShown)),
  }));
  return { ...run, results };
}

async function bench(args: Arguments, before: readonly Run[]): Promise<void> {
  const halves = await startHalves(args);
  try {
    const withCases = halves.filter((half) => choose(half, args).length > 0);
    if (withCases.length === 0) {
      const names = halves.flatMap((half) => half.cases.map(({ name }) => name));
      const wanted = args.case ?? args.filter.join("' or '");
      throw new Error(`no case has '${wanted}' in its name; there are ${names.join('; ')}`);
    }
    const runs: Run[] = [];
    const write = (run: Run) => {
      const all = [...runs, run];
      if (args.json) writeJson(args.json, all);
      if (args.table)
        writeFileSync(args.table, all.map((one) => `${textOf(shownOf(one, args), width)}\n`).join('\n'));
    };
    for (const half of withCases) if (!stopped) runs.push(await runHalf(half, args, write));
    const results = runs.flatMap((run) => run.results);
    if (args.compare) {
      const changes = formatChanges(
        before.flatMap((run) => run.results),
        results,
        width,
      );
      console.log(`Since ${args.compare}:\n${changes ?? 'nothing changed by more than the noise'}\n`);
    }
    if (args.out) for (const run of runs) await writeAll(args.out, run);
    const failed = runs.reduce((sum, { failures }) => sum + failures.length, 0);
    const counts = `${results.length} cases measured, ${failed} failed${stopped ? ', then stopped' : ''}`;
    console.log(`${counts}; bench/README.md says what is measured and how.`);
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
