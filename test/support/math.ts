import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDevice } from 'roi-loss';

// The functions behind the formulas, as each backend computes them, walked over the floats by test/native/math.cpp.

/** What a walk found about a function. */
export interface Figures {
  readonly name: string;
  /** Inputs that are numbers. */
  readonly tried: number;
  /** Of these, the results that were not numbers, and those beyond the logits that kernels take. */
  readonly notFinite: number;
  readonly overflows: number;
  /** The largest error, in units in the last place of the exact result, and where it is. */
  readonly ulps: number;
  readonly at: number;
  /** The largest relative error of results that are not subnormal. */
  readonly relative: number;
  /** How often the function went back where it should only rise, or fall, and how far at most, in the same units. */
  readonly stepsBack: number;
  readonly stepBack: number;
  readonly nans: number;
  readonly numbersOfNaN: number;
  /** The magnitude of the result for an infinite input. */
  readonly atInfinity: string;
}

interface Bounds {
  /** The largest error, on the CPU and in the kernels. */
  readonly ulps: readonly [cpu: number, cuda: number];
  /** How far a function may go back where it should only rise, or fall. */
  readonly stepBack: number;
  /** The result for an infinite input, on the CPU; the kernels have NaN for that of any. */
  readonly atInfinity: RegExp;
}

const notFinite = /^(nan|inf)$/;

/** What the docstrings in native/cpu/math.h and native/cuda/kernels/math.cuh promise, and what follows from it. */
const bounds: { readonly [name: string]: Bounds } = {
  'exp_nonpositive down to −16': { ulps: [1.5, 7], stepBack: 1, atInfinity: /^0$/ },
  'exp_nonpositive below': { ulps: [5, 10], stepBack: 1, atInfinity: /^0$/ },
  log1p_nonnegative: { ulps: [3, 3], stepBack: 1, atInfinity: /^nan$/ },
  'σ(−|z|)': { ulps: [5, 12], stepBack: 2, atInfinity: /^0$/ },
  // An infinite logit must not leave a finite loss.
  'bce against 0, z ≥ 0': { ulps: [3, 5], stepBack: 2, atInfinity: notFinite },
  'bce against 0, z ≤ 0': { ulps: [5, 10], stepBack: 2, atInfinity: notFinite },
  'bce against 0.3, z ≥ 0': { ulps: [3, 5], stepBack: 2, atInfinity: notFinite },
  'bce against 0.3, z ≤ 0': { ulps: [3, 5], stepBack: 0, atInfinity: notFinite },
  "bce's derivative against 0, z ≥ 0": { ulps: [2, 5], stepBack: 2, atInfinity: /^1$/ },
  "bce's derivative against 0, z ≤ 0": { ulps: [5, 12], stepBack: 2, atInfinity: /^0$/ },
  "dice's mismatch against 0, z ≥ 0": { ulps: [2, 5], stepBack: 2, atInfinity: /^1$/ },
  "dice's mismatch against 0, z ≤ 0": { ulps: [5, 12], stepBack: 3, atInfinity: /^0$/ },
  "dice's derivative, σ′(z)": { ulps: [5, 12], stepBack: 2, atInfinity: /^0$/ },
};

/** The losses keep 1e-6; a function may have this much of it. */
const mostRelative = 8e-7;

/** The instruction sets of the CPU, and a model of the GPU. */
export const programs = ['avx512', 'avx2', 'baseline', 'cuda'] as const;
export type Program = (typeof programs)[number];

const root = join(__dirname, '..', '..');
const build = join(root, 'build', 'native-tests');
const run = promisify(execFile);

function hasSimd(simd: string): boolean {
  const before = process.env.ROI_LOSS_SIMD;
  process.env.ROI_LOSS_SIMD = simd;
  try {
    openDevice('cpu', { threads: 1 }).dispose();
    return true;
  } catch {
    return false;
  } finally {
    if (before === undefined) delete process.env.ROI_LOSS_SIMD;
    else process.env.ROI_LOSS_SIMD = before;
  }
}

/** Why this machine cannot run a program; undefined if it can. */
export function lackOf(program: Program): string | undefined {
  if (program !== 'cuda') return hasSimd(program) ? undefined : 'this machine does not have it';
  return process.arch !== 'x64' || hasSimd('avx2') ? undefined : 'the model is compiled for AVX2';
}

/** Builds a program of test/native. Returns where it is. */
export function make(program: Program, what = 'math'): string {
  const target = `${what}_${program}`;
  execFileSync('cmake', ['-S', root, '-B', build]);
  execFileSync('cmake', ['--build', build, '--target', target]);
  return join(build, target);
}

/** Walks every `stride`-th float of one of `parts` pieces of their range. */
export async function walk(program: Program, stride: number, part = 0, parts = 1): Promise<Figures[]> {
  const { stdout } = await run(join(build, `math_${program}`), [stride, part, parts].map(String));
  const found = stdout
    .trim()
    .split('\n')
    .map((line): Figures => JSON.parse(line));
  if (found.map(({ name }) => name).join() !== Object.keys(bounds).join())
    throw new Error(`math_${program} walked ${found.map(({ name }) => name).join(', ')}`);
  return found;
}

/** Of two pieces of a range. */
export function merged(a: Figures, b: Figures): Figures {
  return {
    name: a.name,
    tried: a.tried + b.tried,
    notFinite: a.notFinite + b.notFinite,
    overflows: a.overflows + b.overflows,
    ulps: Math.max(a.ulps, b.ulps),
    at: a.ulps < b.ulps ? b.at : a.at,
    relative: Math.max(a.relative, b.relative),
    stepsBack: a.stepsBack + b.stepsBack,
    stepBack: Math.max(a.stepBack, b.stepBack),
    nans: a.nans + b.nans,
    numbersOfNaN: a.numbersOfNaN + b.numbersOfNaN,
    atInfinity: a.atInfinity,
  };
}

/** What is wrong with a function. */
export function violationsOf(program: Program, f: Figures): string[] {
  const { ulps, stepBack, atInfinity } = bounds[f.name]!;
  const most = ulps[program === 'cuda' ? 1 : 0];
  const found: string[] = [];
  if (!(f.ulps <= most)) found.push(`is off by ${f.ulps} ulps at ${f.at}; expected at most ${most}`);
  if (!(f.relative <= mostRelative)) found.push(`is off by a share of ${f.relative}`);
  if (f.notFinite > 0) found.push(`is no number for ${f.notFinite} inputs`);
  if (!(f.stepBack <= stepBack)) found.push(`goes back by ${f.stepBack} ulps; expected at most ${stepBack}`);
  if (f.nans === 0 || f.numbersOfNaN > 0) found.push(`is a number for ${f.numbersOfNaN} of ${f.nans} NaNs`);
  if (!(program === 'cuda' ? /^nan$/ : atInfinity).test(f.atInfinity))
    found.push(`is ${f.atInfinity} for an infinity`);
  return found.map((what) => `${f.name} ${what}`);
}
