import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { SingleBar } from 'cli-progress';
import { type Arguments, parseArguments, usage } from './arguments';
import { bytesOf, type Case, cases } from './cases';
import { formatChanges } from './compare';
import { contendersOf, lane, startThreads, type Threads } from './contenders';
import { inputsOf } from './inputs';
import { machineOf } from './machine';
import { checkOutcome } from './outcome';
import { type Run, writeAll, writeJson } from './output';
import { backends, howToInstall as howToInstallTfjs, loadTfjs, measureTfjs } from './peers/tfjs';
import { howToInstall as howToInstallTorch, Torch } from './peers/torch';
import { forTerminal, tableOf, verdictTable } from './report';
import type { Timing } from './statistics';
import { type Result, verdictsOf } from './targets';
import { type Effort, quick, race, thorough } from './timing';

const width = process.stdout.columns ?? 100;

/** It sums floats one after another. */
const toleranceOfTfjs = 1e-3;
/** Its steps take up to half a second. */
const samplesOfTfjs = 3;

/** Those that are installed. */
interface Peers {
  readonly torch: Torch | undefined;
  readonly tf: Awaited<ReturnType<typeof loadTfjs>>;
}

/** Times a case on every contender, after a check that all compute the same. */
async function measure(
  spec: Case,
  pools: readonly Threads[],
  { torch, tf }: Peers,
  effort: Effort,
): Promise<Result> {
  const inputs = inputsOf(spec);
  const { contenders, batches } = contendersOf(spec, inputs, pools);
  const expected = contenders[lane('handles', 1)]!.outcome!();
  for (const [name, { outcome }] of Object.entries(contenders))
    if (outcome) checkOutcome(`${spec.name}, ${name}`, outcome(), expected);
  const runs = Object.entries(contenders).map(([name, { run }]) => [name, run] as const);
  const timings: { [lane: string]: Timing } = race(Object.fromEntries(runs), effort);
  for (const batch of batches) batch.dispose();
  const result = { spec, bytes: bytesOf(spec), timings };
  if (spec.alone) return result;

  const threadCounts = pools.map(({ threads }) => threads);
  const inTorch = await torch?.measure(spec, inputs.peers, threadCounts, effort);
  if (inTorch) {
    checkOutcome(`${spec.name}, PyTorch`, inTorch.outcome, expected);
    for (const [threads, timing] of Object.entries(inTorch.timings))
      timings[lane('torch', Number(threads))] = timing;
  }
  for (const backend of tf ? backends : []) {
    const inTf = await measureTfjs(tf!, backend, spec, inputs.peers, {
      ...effort,
      leastSamples: samplesOfTfjs,
    });
    if (!inTf) continue;
    checkOutcome(`${spec.name}, TensorFlow.js (${backend})`, inTf.outcome, expected, toleranceOfTfjs);
    timings[lane(`tfjs ${backend}`, 1)] = inTf.timing;
  }
  return result;
}

async function measureAll(
  chosen: readonly Case[],
  measureOne: (spec: Case) => Promise<Result>,
): Promise<Result[]> {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} {name}',
    noTTYOutput: false,
    clearOnComplete: true,
    stopOnComplete: false,
    forceRedraw: true,
  });
  const results: Result[] = [];
  bar.start(chosen.length, 0, { name: '' });
  try {
    for (const spec of chosen) {
      bar.update(results.length, { name: spec.name });
      results.push(await measureOne(spec));
    }
  } finally {
    bar.stop();
  }
  return results;
}

function choose({ filter, quick: isQuick }: Arguments): Case[] {
  const chosen = cases.filter(({ name, slow }) => name.includes(filter) && (filter || !isQuick || !slow));
  if (chosen.length > 0) return chosen;
  throw new Error(
    `no case has '${filter}' in its name; there are ${cases.map(({ name }) => name).join('; ')}`,
  );
}

async function bench(chosen: readonly Case[], args: Arguments, before: Run | undefined): Promise<void> {
  const pools = [...new Set([1, availableParallelism()])].map(startThreads);
  const started = await Torch.start();
  using torch = started?.torch;
  const tf = await loadTfjs();
  const header = {
    date: new Date().toISOString().slice(0, 10),
    ...machineOf(),
    device: pools.at(-1)!.device.description,
    peers: {
      torch: started?.description ?? `PyTorch not found; ${howToInstallTorch} installs it`,
      tfjs: tf
        ? `TensorFlow.js ${tf.version_core}`
        : `TensorFlow.js not found; ${howToInstallTfjs} installs it`,
    },
    quick: args.quick,
  };
  const { peers, quick: _, ...lines } = header;
  for (const [name, value] of Object.entries({ ...lines, ...peers }))
    console.log(`${name.padEnd(8)} ${value}`);
  console.log();

  const effort = args.quick ? quick : thorough;
  const results = await measureAll(chosen, (spec) => measure(spec, pools, { torch, tf }, effort));
  const threadCounts = pools.map(({ threads }) => threads);
  const run: Run = { ...header, results, verdicts: verdictsOf(results, threadCounts) };
  console.log(
    'Medians ± half the distance between the quartiles; forward + backward, data warm in the cache, unless the name says otherwise.\n',
  );
  console.log(`${forTerminal(tableOf(results), width)}\n`);
  if (run.verdicts.length > 0) console.log(`${forTerminal(verdictTable(run.verdicts), width)}\n`);
  if (before)
    console.log(
      `Since ${args.compare}:\n${formatChanges(before.results, results, width) ?? 'nothing changed by more than the noise'}\n`,
    );
  console.log('bench/README.md says what is measured and how.');
  if (args.json) writeJson(args.json, run);
  if (args.out) await writeAll(args.out, run);
}

async function main(): Promise<void> {
  let args: Arguments;
  let chosen: Case[];
  let before: Run | undefined;
  try {
    args = parseArguments(process.argv.slice(2));
    chosen = choose(args);
    if (args.compare) before = JSON.parse(readFileSync(args.compare, 'utf8'));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (args.help) console.log(usage);
  else await bench(chosen, args, before);
}

// TensorFlow.js would print its source before an error that nobody catches.
main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
