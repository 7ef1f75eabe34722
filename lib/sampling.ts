import { readBoxOptions } from './boxes';
import { checkArray } from './check';
import { callNative, rangeError, show } from './errors';
import { native } from './native';
import { flag, share } from './numbers';

export interface SampleOptions<P extends boolean = boolean> {
  /** How many RoIs are taken at most, a whole number from 0 on. Default 512; an RPN takes 256. */
  readonly count?: number | undefined;
  /** The share of `count` that foreground takes at most, from 0 to 1. Default 0.25; 0.5 for an RPN. */
  readonly foregroundFraction?: number | undefined;
  /**
   * A whole number from 0 to 2⁵³ − 1, another one each step: the same labels and seed give the same sample on every machine.
   */
  readonly seed: number;
  /** Whether to set the labels of all other RoIs to −1 in place of returning indices. Default `false`. */
  readonly inPlace?: P | undefined;
}

const optionNames = ['count', 'foregroundFraction', 'seed', 'inPlace'] as const;

function whole(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} is ${show(value)}; expected a whole number from 0 to 2^53 - 1`,
    );
  return value;
}

/**
 * Draws the RoIs that count in a step: at random, at most `count` · `foregroundFraction` (rounded down) of those with a label
 * above 0, and as many with label 0 as then lack to `count`. Where there are fewer of either, all of them are taken.
 * How many there are of each is as of torchvision's `BalancedPositiveNegativeSampler`.
 *
 * RoI i has word i of Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011) with `seed` for its
 * key; those with the least words are taken.
 *
 * @param labels [R]: above 0 for foreground, 0 for background; RoIs below 0 are never taken
 * @returns the `indices` of the RoIs that are taken, ascending; nothing with `inPlace`
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_OPTION`, `ERR_ROI_LOSS_BUFFER`
 */
export function sampleRois(
  labels: Int32Array,
  options: SampleOptions<false>,
): { readonly indices: Int32Array };
export function sampleRois(labels: Int32Array, options: SampleOptions<true>): undefined;
export function sampleRois(
  labels: Int32Array,
  options: SampleOptions,
): { readonly indices: Int32Array } | undefined {
  const given = readBoxOptions(options, optionNames);
  const { count = 512, foregroundFraction = 0.25, inPlace = false } = given;
  const seed = whole('seed', given.seed);
  const foreground = Math.floor(whole('count', count) * share('', 'foregroundFraction', foregroundFraction));
  const changes = flag('', 'inPlace', inPlace);
  checkArray('labels', labels, 'Int32Array');
  const indices = callNative(() => native.sampleRois(labels, count, foreground, seed, changes));
  // A copy: native code makes arrays with the classes of the main realm.
  return indices && { indices: Int32Array.from(indices) };
}
