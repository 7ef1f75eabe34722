import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Target, targetsOf } from '../support/targets';
import type { FuzzHere } from './here';

// Property-based fuzzing of the API on every device that there is, each in a process of its own: what crashes or hangs
// is found as well, and the seed tells how to come there again.

export interface ApiFuzz {
  /** For so many minutes in all, or … */
  readonly minutes?: number | undefined;
  /** … so many cases on each device. */
  readonly runs?: number | undefined;
  readonly seed: number;
  readonly onProgress?: (progress: ApiProgress) => void;
}

export interface ApiProgress {
  /** As `cpu`, `cuda (stand-in)`. */
  readonly device: string;
  /** Cases that were tried on it. */
  readonly runs: number;
  readonly seconds: number;
}

/** What a fuzzing process says. */
export type ChildMessage = { readonly runs: number } | { readonly failure: string };

/** A case takes milliseconds. */
const hangMs = 120_000;

function fuzzOn(
  { label, env }: Target,
  here: FuzzHere,
  onProgress: (progress: ApiProgress) => void,
): Promise<ApiProgress> {
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--expose-gc', join(__dirname, 'child.ts'), JSON.stringify(here)],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  let [runs, failure]: [number, string | undefined] = [0, undefined];
  const progress = () => ({ device: label, runs, seconds: (performance.now() - begin) / 1000 });
  const kill = () => {
    failure = 'hangs';
    child.kill('SIGKILL');
  };
  let watch = setTimeout(kill, hangMs);
  child.on('message', (message: ChildMessage) => {
    clearTimeout(watch);
    watch = setTimeout(kill, hangMs);
    if ('failure' in message) failure = message.failure;
    else runs = message.runs;
    onProgress(progress());
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(watch);
      if (code === 0 && !failure) return resolve(progress());
      const end = failure ?? `ended with ${signal ?? `exit code ${code}`}`;
      reject(new Error(`${label}, seed ${here.seed}, after ${runs} cases: ${end}`));
    });
  });
}

/** Returns what was tried on each device; throws with what was found, and the seed that finds it again. */
export async function fuzzApi({ minutes, runs, seed, onProgress }: ApiFuzz): Promise<ApiProgress[]> {
  const found = targetsOf('cpu,standin', () => {});
  const done: ApiProgress[] = [];
  for (const target of found) {
    const device = target.env.ROI_LOSS_TEST_DEVICE as string;
    const share = minutes === undefined ? undefined : minutes / found.length;
    done.push(await fuzzOn(target, { seed, runs, minutes: share, device }, onProgress ?? (() => {})));
  }
  return done;
}
