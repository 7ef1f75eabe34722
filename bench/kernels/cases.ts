import type { BatchSizes, FloatType, FusedLossOptions } from 'roi-loss';
import { bytesOfType } from '../cases';

// The launches whose memory traffic is counted, each with the least that it must move for a RoI.

export interface TrafficCase {
  readonly name: string;
  /** What `device.batch` takes besides the number of RoIs. */
  readonly sizes: Omit<BatchSizes, 'rois'>;
  readonly options: FusedLossOptions;
  /** Bytes that a foreground RoI's step must read and write. */
  readonly least: number;
  /** Mask pixels of a RoI. */
  readonly pixels: number;
}

const classes = 81;
const pixels = 28 * 28;
const compact = { classes, terms: ['mask'], maskGrad: 'compact' } as const;

const label = 4;
/** Of a RoI: its loss, for the last block to add up. */
const loss = 4;
/** Read and written, where gradients are written sparsely: the channel that is not zero. */
const written = 8;
/** Logits in, targets in, gradient out. */
const maskBytes = (element: number, target: number) =>
  pixels * (2 * element + target) + label + loss + written;
/** Memory moves in sectors of 32 bytes; a box is 16 of deltas and 16 of gradient, each in a sector that is its own. */
const boxBytes = 32 + 16 + 32 + 32 + label + loss + written;

const classCase = (name: string, classes: number, dtype: FloatType): TrafficCase => ({
  name,
  sizes: { classes, dtype, terms: ['class'] },
  options: {},
  least: 2 * bytesOfType[dtype] * classes + label + loss,
  pixels: 0,
});

export const trafficCases: readonly TrafficCase[] = [
  { name: 'mask, bce', sizes: compact, options: {}, least: maskBytes(4, 4), pixels },
  {
    name: 'mask, dice',
    sizes: compact,
    options: { mask: { kind: 'dice' } },
    least: maskBytes(4, 4),
    pixels,
  },
  {
    name: 'mask, mixture',
    sizes: compact,
    options: { mask: { kind: { dice: 0.5, 'smoothed-bce': 0.5 } } },
    least: maskBytes(4, 4),
    pixels,
  },
  {
    name: 'mask, bce, bfloat16, bytes',
    sizes: { ...compact, dtype: 'bfloat16', maskTargetType: 'uint8' },
    options: {},
    least: maskBytes(2, 1),
    pixels,
  },
  {
    name: 'mask, bce, dense and sparse',
    sizes: { ...compact, maskGrad: 'dense' },
    options: {},
    least: maskBytes(4, 4) + pixels * 4,
    pixels,
  },
  classCase('class', classes, 'float32'),
  classCase('class, bfloat16', classes, 'bfloat16'),
  classCase('class, C = 5001', 5001, 'float32'),
  { name: 'box', sizes: { classes, terms: ['box'] }, options: {}, least: boxBytes, pixels: 0 },
];
