import { parseArgs } from 'node:util';
import { type Target, targetsOf } from '../support/targets';
import { type ApiProgress, fuzzApi } from './api';
import { buildFuzzer, fuzzNative } from './native';

// `npm run fuzz -- --minutes N [--seed S]`: half of the time at the API, half below Node-API, each on the CPU and on the
// CUDA stand-in.

/** Between two words of how far it is. */
const quietMs = 5000;

/** Says so, unless it just said something. */
function progress(): (text: string) => void {
  let told = 0;
  return (text) => {
    if (performance.now() - told < quietMs) return;
    told = performance.now();
    console.log(text);
  };
}

async function atApi(minutes: number, seed: number): Promise<void> {
  const text = ({ device, runs, seconds }: ApiProgress) =>
    `at the API, ${device}: ${runs} cases tried in ${seconds.toFixed(0)} s`;
  const say = progress();
  try {
    const done = await fuzzApi({ minutes, seed, onProgress: (now) => say(text(now)) });
    for (const device of done) console.log(`${text(device)}, 0 findings`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function belowNodeApi(minutes: number, seed: number, target: Target): Promise<void> {
  const name = `below Node-API, ${target.label}`;
  const say = progress();
  const onProgress = (line: string) => say(`${name}: ${line}`);
  const { tried, covered, counters, found, output } = await fuzzNative({ minutes, seed, target, onProgress });
  if (output) console.log(output);
  console.log(
    `${name}: ${tried} inputs tried, ${covered} of ${counters} branches taken, ${found.length} findings`,
  );
  for (const file of found) console.log(`  ${file}`);
  if (found.length > 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0)) throw new Error(`--minutes is '${values.minutes}'; expected a number above 0`);
  if (!Number.isInteger(seed)) throw new Error(`--seed is '${values.seed}'; expected an integer`);
  console.log(`--seed ${seed}`);

  const missing = buildFuzzer();
  if (missing) console.log(`skipped: fuzzing below Node-API — ${missing}`);
  const share = missing ? minutes : minutes / 2;
  await atApi(share, seed);
  if (missing) return;
  const devices = targetsOf('cpu,standin', () => {});
  for (const target of devices) await belowNodeApi(share / devices.length, seed, target);
}

main();
