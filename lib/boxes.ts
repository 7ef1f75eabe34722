import { checkArray, checkObject, checkSize, lengthOf, readKeys } from './check';
import { callNative, rangeError, show, typeError } from './errors';
import { native } from './native';
import { floats, positive, share } from './numbers';

// Helpers over arrays of boxes, (x1, y1, x2, y2) in pixels each. Where nothing else is said they take time in
// proportion to the number of boxes and run on the calling thread.

/** What the deltas (x, y, w, h) are multiplied by when boxes are encoded, and divided by when they are decoded. */
export type DeltaWeights = readonly [x: number, y: number, w: number, h: number];

export interface DeltaOptions {
  /** Finite numbers above 0. Default [10, 10, 5, 5], those of a RoI head; an RPN's are [1, 1, 1, 1]. */
  readonly deltaWeights?: DeltaWeights | undefined;
}

export interface BoxEncoding {
  /** [N, 4] */
  readonly proposals: Float32Array;
  /** [G, 4]; without `matches` [N, 4], the box of each proposal */
  readonly gtBoxes: Float32Array;
  /** [N], as {@link matchBoxes} returns them: the object of each proposal, or a negative number for none */
  readonly matches?: Int32Array | undefined;
}

export interface BoxDecoding {
  /** [N, 4] */
  readonly proposals: Float32Array;
  /** [N, 4], or [N, K, 4]: several of each proposal, such as one for each class */
  readonly deltas: Float32Array;
}

export interface NmsInputs {
  /** [N, 4] */
  readonly boxes: Float32Array;
  /** [N]; no NaN */
  readonly scores: Float32Array;
  /** [N]: boxes of different labels do not suppress each other. Default: all are of one */
  readonly labels?: Int32Array | undefined;
}

/** [n, 4] floats. Returns n. */
export function checkBoxes(name: string, value: unknown, symbols = '[N, 4]'): number {
  checkArray(name, value, 'Float32Array');
  if (lengthOf(value) % 4 !== 0)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has ${lengthOf(value)} elements; expected a multiple of 4, the shape ${symbols}`,
    );
  return lengthOf(value) / 4;
}

/** [length] int32. */
export function checkInts(name: string, value: unknown, length: number): void {
  checkArray(name, value, 'Int32Array');
  if (lengthOf(value) !== length)
    throw rangeError('ERR_ROI_LOSS_SHAPE', `${name} has ${lengthOf(value)} elements; expected ${length}`);
}

/** The inputs, read once. */
export function readBoxInputs<T extends object>(inputs: T, names: readonly string[]): T {
  checkObject('inputs', inputs, `an object, { ${names.join(', ')} }`);
  return readKeys('input', inputs, new Set(names));
}

/** The options, read once. */
export function readBoxOptions<T extends object>(options: T, names: readonly string[]): T {
  checkObject('options', options);
  return readKeys('option', options, new Set(names));
}

function weightsOf({ deltaWeights = [10, 10, 5, 5] }: DeltaOptions): Float32Array {
  if (!Array.isArray(deltaWeights) || deltaWeights.length !== 4)
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      `deltaWeights is ${show(deltaWeights)}; expected an array of 4 numbers, [x, y, w, h]`,
    );
  return Float32Array.from(deltaWeights, (weight, i) => positive('', `deltaWeights[${i}]`, weight));
}

/**
 * The deltas that turn proposals into boxes: the box loss's targets. For a proposal with centre (x, y) and size (w, h)
 * and a box with (x', y') and (w', h'): ((x' − x) / w, (y' − y) / h, log(w' / w), log(h' / h)), times `deltaWeights`.
 * A proposal without an area gives no finite numbers. Source: Girshick et al., Rich Feature Hierarchies, 2014, appendix C;
 * torchvision's `BoxCoder.encode`.
 *
 * @returns [N, 4]; rows whose match is negative are 0
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_OPTION`,
 * `ERR_ROI_LOSS_BUFFER`; `ERR_ROI_LOSS_VALUE` for a match that is not below G
 */
export function encodeBoxes(inputs: BoxEncoding, options: DeltaOptions = {}): Float32Array {
  const { proposals, gtBoxes, matches } = readBoxInputs(inputs, ['proposals', 'gtBoxes', 'matches']);
  const weights = weightsOf(readBoxOptions(options, ['deltaWeights']));
  const rows = checkBoxes('proposals', proposals);
  const objects = checkBoxes('gtBoxes', gtBoxes, matches === undefined ? '[N, 4]' : '[G, 4]');
  if (matches !== undefined) checkInts('matches', matches, rows);
  else if (objects !== rows)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `gtBoxes has ${objects} boxes; expected ${rows}, one for each of proposals, or matches beside them`,
    );
  const out = new Float32Array(4 * rows);
  callNative(() => native.encodeBoxes(proposals, gtBoxes, matches, weights, out));
  return out;
}

/**
 * The boxes that deltas make of proposals: the inverse of {@link encodeBoxes}. Divided by their weights, the deltas w and h
 * count as log(1000/16) where they are larger. Source: the same; torchvision's `BoxCoder.decode`.
 *
 * @returns boxes, as many as `deltas`: [N, 4] or [N, K, 4]
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_OPTION`, `ERR_ROI_LOSS_BUFFER`
 */
export function decodeBoxes(inputs: BoxDecoding, options: DeltaOptions = {}): Float32Array {
  const { proposals, deltas } = readBoxInputs(inputs, ['proposals', 'deltas']);
  const weights = weightsOf(readBoxOptions(options, ['deltaWeights']));
  const rows = checkBoxes('proposals', proposals);
  const all = checkBoxes('deltas', deltas, '[N, K, 4]');
  if (rows === 0 ? all > 0 : all % rows > 0)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `deltas has ${4 * all} elements; expected a multiple of ${4 * rows}, the length of proposals`,
    );
  const out = new Float32Array(4 * all);
  callNative(() => native.decodeBoxes(proposals, deltas, weights, out));
  return out;
}

/**
 * Boxes, cut off at the borders of an image: x is brought into [0, width], y into [0, height]. Source: torchvision's
 * `clip_boxes_to_image`.
 *
 * @param boxes [N, 4], left as they are
 * @param options `imageSize` is [height, width] of the image, in pixels
 * @returns [N, 4]
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_OPTION`, `ERR_ROI_LOSS_BUFFER`
 */
export function clipBoxes(
  boxes: Float32Array,
  options: { readonly imageSize: readonly [height: number, width: number] },
): Float32Array {
  const rows = checkBoxes('boxes', boxes);
  const { imageSize } = readBoxOptions(options, ['imageSize']);
  if (!Array.isArray(imageSize) || imageSize.length !== 2)
    throw typeError('ERR_ROI_LOSS_OPTION', `imageSize is ${show(imageSize)}; expected [height, width]`);
  const [height, width] = imageSize as [unknown, unknown];
  checkSize('imageSize[0]', height, 1);
  checkSize('imageSize[1]', width, 1);
  const out = new Float32Array(4 * rows);
  callNative(() => native.clipBoxes(boxes, width, height, out));
  return out;
}

/**
 * Greedy non-maximum suppression: goes through the boxes by descending score, of equal ones the first first, and leaves out
 * each that has an IoU above `iouThreshold` with one that it kept. Takes time in proportion to N · the number of boxes
 * kept. Source: torchvision's `nms`, with `labels` its `batched_nms`, by whose exact method boxes of different labels
 * are compared with none of each other.
 *
 * @param options `iouThreshold` is from 0 to 1, default 0.5
 * @returns the indices of the boxes kept, by descending score
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_OPTION`,
 * `ERR_ROI_LOSS_BUFFER`; `ERR_ROI_LOSS_VALUE` for a score that is NaN
 */
export function nms(
  inputs: NmsInputs,
  options: { readonly iouThreshold?: number | undefined } = {},
): Int32Array {
  const { boxes, scores, labels } = readBoxInputs(inputs, ['boxes', 'scores', 'labels']);
  const { iouThreshold = 0.5 } = readBoxOptions(options, ['iouThreshold']);
  share('', 'iouThreshold', iouThreshold);
  const count = checkBoxes('boxes', boxes);
  floats('scores', scores, count);
  if (labels !== undefined) checkInts('labels', labels, count);
  const nan = scores.findIndex(Number.isNaN);
  if (nan >= 0) throw rangeError('ERR_ROI_LOSS_VALUE', `scores[${nan}] is NaN; expected a number`);
  // A copy: native code makes arrays with the classes of the main realm.
  return Int32Array.from(
    callNative(() => native.nms(boxes, scores, labels, iouThreshold, process.env.ROI_LOSS_SIMD)),
  );
}
