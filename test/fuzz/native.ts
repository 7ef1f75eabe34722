import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { failureOf, type Target } from '../support/targets';

// Coverage-guided fuzzing below Node-API (test/fuzz/native), by the libFuzzer of Clang. What it finds is left in
// build/fuzz/found; a fixed case goes to test/fuzz/native/corpus, which `npm test` replays.

const root = join(__dirname, '..', '..');
const build = join(root, 'build', 'fuzz');
export const corpus = join(__dirname, 'native', 'corpus');

/** As the harness takes it. */
export const deviceOf = ({ label }: Target) => (label === 'cpu' ? 'cpu' : 'cuda');

export interface NativeFuzz {
  readonly minutes: number;
  readonly seed: number;
  readonly target: Target;
  /** Hears what libFuzzer says of its progress. */
  readonly onProgress: (line: string) => void;
}

export interface NativeFuzzResult {
  readonly tried: number;
  /** Branches that were taken, of those there are. */
  readonly covered: number;
  readonly counters: number;
  /** Files with what crashed. */
  readonly found: readonly string[];
  /** The end of the output, where something was found. */
  readonly output: string;
}

/** Builds the fuzzer. Returns why it cannot be had, if so. */
export function buildFuzzer(): string | undefined {
  if (spawnSync('clang++', ['--version']).status !== 0) return 'there is no clang++';
  return (
    failureOf('cmake', [
      ...['-S', '.', '-B', build, '-DCMAKE_CXX_COMPILER=clang++', '-DROI_LOSS_CUDA=OFF'],
      '-DROI_LOSS_SANITIZE=address,undefined,fuzzer-no-link',
    ]) ?? failureOf('cmake', ['--build', build, '--target', 'fuzz', '--parallel', '2'])
  );
}

export function fuzzNative({ minutes, seed, target, onProgress }: NativeFuzz): Promise<NativeFuzzResult> {
  const [own, found] = [join(build, `corpus-${deviceOf(target)}`), join(build, 'found')];
  for (const folder of [own, found]) mkdirSync(folder, { recursive: true });
  const before = new Set(readdirSync(found));
  const child = spawn(
    join(build, 'fuzz'),
    [
      ...[`-max_total_time=${Math.ceil(minutes * 60)}`, `-seed=${seed}`, '-print_final_stats=1'],
      ...['-max_len=600', '-len_control=0', '-timeout=60', '-rss_limit_mb=2048'],
      ...[`-artifact_prefix=${found}/`, own, corpus],
    ],
    { env: { ...process.env, ...target.env, ROI_FUZZ_DEVICE: deviceOf(target) } },
  );
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const progress = /^#\d+.*\bcov: \d+.*$/gm;
    for (const [line] of text.matchAll(progress)) onProgress(line);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const last = (pattern: RegExp) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
      const files = readdirSync(found).filter((file) => !before.has(file));
      if (code !== 0 && files.length === 0) files.push(`exit code ${code}`);
      resolve({
        tried: last(/number_of_executed_units: (\d+)/g) || last(/^#(\d+)/gm),
        covered: last(/\bcov: (\d+)/g),
        counters: last(/\((\d+) inline 8-bit counters\)/g),
        found: files,
        output: code === 0 ? '' : output.slice(-8000),
      });
    });
  });
}
