import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { SingleBar } from 'cli-progress';
import { type Arguments, parseArguments, usage } from './arguments';
import { bytesOf, type Case, cases } from './cases';
import { contendersOf, lane, startThreads, type Threads } from './contenders';
import { inputsOf } from './inputs';
import { checkOutcome } from './outcome';
import { howToInstall, Torch } from './peers/torch';
import { formatResults, formatVerdicts } from './report';
import { type Result, verdictsOf } from './targets';
import { type Effort, quick, race, thorough } from './timing';

const width = process.stdout.columns ?? 100;

/** Times a case on every contender, after a check that all compute the same. */
async function measure(
  spec: Case,
  pools: readonly Threads[],
  torch: Torch | undefined,
  effort: Effort,
): Promise<Result> {
  const inputs = inputsOf(spec);
  const { contenders, batches } = contendersOf(spec, inputs, pools);
  const expected = contenders[lane('handles', 1)]!.outcome!();
  for (const [name, { outcome }] of Object.entries(contenders))
    if (outcome) checkOutcome(`${spec.name}, ${name}`, outcome(), expected);
  const runs = Object.entries(contenders).map(([name, { run }]) => [name, run] as const);
  const timings = race(Object.fromEntries(runs), effort);
  for (const batch of batches) batch.dispose();
  const threadCounts = pools.map(({ threads }) => threads);
  const peer = await torch?.measure(spec, inputs.peers, threadCounts, effort);
  if (peer) {
    checkOutcome(`${spec.name}, PyTorch`, peer.outcome, expected);
    for (const [threads, timing] of Object.entries(peer.timings))
      timings[lane('torch', Number(threads))] = timing;
  }
  return { spec, bytes: bytesOf(spec), timings };
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

function choose(filter: string): Case[] {
  const chosen = cases.filter(({ name }) => name.includes(filter));
  if (chosen.length > 0) return chosen;
  throw new Error(
    `no case has '${filter}' in its name; there are ${cases.map(({ name }) => name).join('; ')}`,
  );
}

async function bench(chosen: readonly Case[], { json, quick: isQuick }: Arguments): Promise<void> {
  const cores = availableParallelism();
  const pools = [...new Set([1, cores])].map(startThreads);
  const started = await Torch.start();
  using torch = started?.torch;
  const header = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model ?? 'unknown CPU'}, ${cores} cores, ${process.platform} ${process.arch}`,
    node: process.version,
    device: pools.at(-1)!.device.description,
    torch: started?.description ?? `not found; ${howToInstall} installs it`,
  };
  for (const [name, value] of Object.entries(header)) console.log(`${name.padEnd(8)} ${value}`);
  console.log();

  const effort = isQuick ? quick : thorough;
  const results = await measureAll(chosen, (spec) => measure(spec, pools, torch, effort));
  const threadCounts = pools.map(({ threads }) => threads);
  const verdicts = verdictsOf(results, threadCounts);
  console.log(
    'Forward + backward. Medians ± half the distance between the quartiles; data warm in the cache.\n',
  );
  console.log(`${formatResults(results, width)}\n`);
  if (verdicts.length > 0) console.log(`${formatVerdicts(verdicts, width)}\n`);
  console.log('bench/README.md says what is measured and how.');
  if (json)
    writeFileSync(json, `${JSON.stringify({ ...header, effort, results, verdicts }, undefined, 2)}\n`);
}

async function main(): Promise<void> {
  let args: Arguments;
  let chosen: Case[];
  try {
    args = parseArguments(process.argv.slice(2));
    chosen = choose(args.filter);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (args.help) console.log(usage);
  else await bench(chosen, args);
}

main();
