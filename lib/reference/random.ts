import type { LossInputs } from '../types';

/** Numbers in [0, 1) that a seed determines (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** n floats spread evenly over ± scale. */
export function floats(next: () => number, n: number, scale = 4): Float32Array {
  return Float32Array.from({ length: n }, () => (2 * next() - 1) * scale);
}

export interface Sizes {
  readonly rois: number;
  readonly classes: number;
  readonly maskSize: readonly [number, number];
  readonly boxChannels?: number;
  readonly maskChannels?: number;
  /** The lowest label to draw; −1 unless given. */
  readonly leastLabel?: number;
}

export type AllInputs = Required<
  Pick<LossInputs, 'classLogits' | 'boxDeltas' | 'boxTargets' | 'maskLogits' | 'labels'>
> & {
  readonly classLogits: Float32Array;
  readonly boxDeltas: Float32Array;
  readonly boxTargets: Float32Array;
  readonly maskLogits: Float32Array;
  readonly maskTargets: Float32Array;
  readonly labels: Int32Array;
};

/** Inputs of all terms, with soft mask targets. */
export function inputsOf(seed: number, sizes: Sizes): AllInputs {
  const { rois, classes, maskSize, boxChannels = classes, maskChannels = classes, leastLabel = -1 } = sizes;
  const next = random(seed);
  const pixels = maskSize[0] * maskSize[1];
  return {
    classLogits: floats(next, rois * classes),
    boxDeltas: floats(next, rois * boxChannels * 4, 2),
    boxTargets: floats(next, rois * 4, 2),
    maskLogits: floats(next, rois * maskChannels * pixels),
    maskTargets: Float32Array.from({ length: rois * pixels }, () =>
      Math.min(1, Math.max(0, next() * 1.5 - 0.25)),
    ),
    labels: Int32Array.from({ length: rois }, () => leastLabel + Math.floor(next() * (classes - leastLabel))),
  };
}
