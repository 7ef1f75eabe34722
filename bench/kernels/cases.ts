import type { BatchSizes, FusedLossOptions } from 'roi-loss';

// The launches whose memory traffic is counted, each with the least that it must move.

export interface TrafficCase {
  readonly name: string;
  readonly sizes: BatchSizes;
  readonly options: FusedLossOptions;
  /** Bytes that the step must read and write. */
  readonly least: number;
  /** Mask pixels that it computes. */
  readonly pixels: number;
}

/** Few enough for an interpreter, and all foreground. */
const rois = 256;
const classes = 81;
const maskPixels = rois * 28 * 28;
const labels = rois * 4;
const compact = { rois, classes, terms: ['mask'], maskGrad: 'compact' } as const;

/** Logits in, targets in, gradient out. */
const maskBytes = (element: number, target: number) => maskPixels * (2 * element + target) + labels;
const classBytes = 2 * rois * classes * 4 + labels;
/** A box is 16 bytes of deltas, of targets and of gradient; memory moves in sectors of 32. */
const boxBytes = rois * (32 + 16 + 32) + labels;
const stale = (element: number) => maskPixels * element;

export const trafficCases: readonly TrafficCase[] = [
  { name: 'bce', sizes: compact, options: {}, least: maskBytes(4, 4), pixels: maskPixels },
  {
    name: 'dice',
    sizes: compact,
    options: { mask: { kind: 'dice' } },
    least: maskBytes(4, 4),
    pixels: maskPixels,
  },
  {
    name: 'mixture',
    sizes: compact,
    options: { mask: { kind: { dice: 0.5, 'smoothed-bce': 0.5 } } },
    least: maskBytes(4, 4),
    pixels: maskPixels,
  },
  {
    name: 'bce, bfloat16, bytes',
    sizes: { ...compact, dtype: 'bfloat16', maskTargetType: 'uint8' },
    options: {},
    least: maskBytes(2, 1),
    pixels: maskPixels,
  },
  {
    name: 'bce, dense, sparse writing',
    sizes: { ...compact, maskGrad: 'dense' },
    options: {},
    least: maskBytes(4, 4) + stale(4) + 2 * labels,
    pixels: maskPixels,
  },
  { name: 'class', sizes: { rois, classes, terms: ['class'] }, options: {}, least: classBytes, pixels: 0 },
  {
    name: 'box',
    sizes: { rois, classes, terms: ['box'] },
    options: {},
    least: boxBytes + 32 * rois + 2 * labels,
    pixels: 0,
  },
];
