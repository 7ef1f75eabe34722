import { relative } from 'node:path';
import { SingleBar } from 'cli-progress';
import { machineOf } from '../../bench/machine';
import { formatTable } from '../../bench/table';
import { formatDuration } from '../../common/duration';
import { type Arguments, parseArguments, usage } from './arguments';
import { performAll } from './pool';
import { effortOf, findingsOf, shareOf } from './report/findings';
import { publish, writePictures } from './report/output';
import { summarise } from './report/summary';
import { tableOf } from './report/table';
import { timeLosses } from './report/timing';
import { type Result, startBackend } from './run';
import { nameOf } from './settings';
import { Store } from './store';

const width = process.stdout.columns ?? 120;

/** Performs the runs that the store lacks. */
async function completeRuns({ runs, settings, workers }: Arguments, store: Store): Promise<Result[]> {
  const missing = runs.filter((run) => !store.read(run));
  const isTerminal = process.stderr.isTTY;
  console.log(
    `${runs.length} trainings of ${settings.steps} steps; ${runs.length - missing.length} are there already, ${workers} at a time.`,
  );
  const bar = new SingleBar({
    format: '{bar} {done}/{runs} trainings, loss {loss}, {eta_formatted} left',
    formatTime: formatDuration,
    noTTYOutput: false,
    clearOnComplete: true,
    etaBuffer: 200,
  });
  let [done, steps] = [runs.length - missing.length, 0];
  const state = (loss: string) => ({ done, runs: runs.length, loss });
  bar.start(missing.length * settings.steps, 0, state('–'));
  try {
    await performAll(missing, settings, workers, {
      onStep(loss) {
        bar.update(++steps, state(loss.toFixed(3)));
      },
      onResult(result) {
        store.write(result);
        done++;
        const { run, scores, seconds } = result;
        if (!isTerminal)
          console.log(
            `${done}/${runs.length} ${nameOf(run)}: AP@.5 ${scores.ap[0]!.toFixed(3)}, ${formatDuration(seconds)}`,
          );
      },
    });
  } finally {
    bar.stop();
  }
  return runs.map((run) => store.read(run)!);
}

async function experiment(args: Arguments): Promise<void> {
  const store = new Store(args.out, args.settings);
  const results = await completeRuns(args, store);
  const machine = machineOf();
  await startBackend();
  const shares = timeLosses(args.settings);
  const date = new Date().toISOString().slice(0, 10);
  const summary = summarise(results, args.settings, { machine, date, shares });
  const { header, rows } = tableOf(summary);
  console.log(`\n${formatTable(header, rows, width)}\n`);
  for (const line of [...findingsOf(summary), shareOf(summary), effortOf(summary)]) console.log(line);
  console.log();
  const paths = writePictures(args.out, summary, results, args.settings);
  const published = args.publish ? publish(summary, results, args.settings) : [];
  for (const path of [...paths, ...published]) console.log(relative(process.cwd(), path));
}

async function main(): Promise<void> {
  let args: Arguments;
  try {
    args = parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (args.help) console.log(usage);
  else await experiment(args);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
