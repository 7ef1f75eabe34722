import type { HostMaskOptions, LossInputs } from '../types';

/** Where a RoI's row lies in its array: the index of its i-th element. */
export type Row = (i: number) => number;

export const take = (array: ArrayLike<number>, n: number, row: Row) =>
  Float64Array.from({ length: n }, (_, i) => array[row(i)] as number);

export const counted = (labels: Int32Array, least: number) => labels.filter((u) => u >= least).length;

/** The channel of a label among C, C − 1 or 1. */
export const channelOf = (u: number, channels: number, classes: number) =>
  channels === classes ? u : channels === 1 ? 0 : u - 1;

export interface Mask {
  /** The logits of the label's channel, and where they lie. */
  readonly z: Float64Array;
  readonly row: Row;
  readonly y: Float64Array;
}

/** The masks of the RoIs, read through their layout and channels. */
export function masksOf(inputs: LossInputs, options: HostMaskOptions & { readonly classes: number }) {
  const labels = (inputs.maskLabels ?? inputs.labels) as Int32Array;
  const logits = inputs.maskLogits as Float32Array;
  const targets = inputs.maskTargets as Float32Array | Uint8Array;
  const [height, width] = options.maskSize ?? [28, 28];
  const pixels = height * width;
  const { classes } = options;
  const channels = labels.length === 0 ? classes : logits.length / (labels.length * pixels);
  const bytes = targets instanceof Uint8Array;
  /** Undefined unless RoI p is foreground. */
  const foreground = (p: number): Mask | undefined => {
    const u = labels[p] as number;
    if (u < 1) return undefined;
    const channel = channelOf(u, channels, classes);
    const row: Row =
      options.layout === 'nhwc'
        ? (i) => (p * pixels + i) * channels + channel
        : (i) => (p * channels + channel) * pixels + i;
    const y = take(targets, pixels, (i) => p * pixels + i).map((x) => (bytes ? Number(x !== 0) : x));
    return { z: take(logits, pixels, row), row, y };
  };
  return { labels, pixels, length: logits.length, foreground };
}
