import { checkBoxes, checkInts, readBoxInputs, readBoxOptions } from './boxes';
import { checkArray, lengthOf } from './check';
import type { Device } from './device';
import { deviceOf } from './devices';
import { callNative, plainError, rangeError } from './errors';
import { flag, share } from './numbers';

export interface MatchInputs {
  /** [N, 4]: proposals or anchors, (x1, y1, x2, y2) in pixels of the image */
  readonly boxes: Float32Array;
  /** [G, 4]: the objects' boxes; G may be 0 */
  readonly gtBoxes: Float32Array;
  /** [G]: the objects' classes, 1 or more. Default: 1 */
  readonly gtLabels?: Int32Array | undefined;
  /** [G]: objects marked by anything but 0 are crowds, to which no box belongs. Default: none is */
  readonly gtIgnore?: Uint8Array | undefined;
}

export interface MatchOptions {
  /**
   * From this IoU on a box belongs to its object, 0 to 1. Default 0.5; 0.7 for an RPN. It is also the share of a box above
   * which a crowd makes it ignored.
   */
  readonly foreground?: number | undefined;
  /**
   * Below this IoU with all objects a box is background; between this and `foreground` it is ignored. 0 to `foreground`.
   * Default: that or 0.5, whichever is less; 0.3 for an RPN.
   */
  readonly background?: number | undefined;
  /**
   * Also gives every object the boxes that overlap it most, ties included, however little that is: as in torchvision, each
   * such box then belongs to the object that it overlaps most itself. Default `false`; `true` for an RPN.
   */
  readonly lowQuality?: boolean | undefined;
  /** A device of the CPU, for its number of threads. Default `'cpu'`. */
  readonly device?: Device | string | undefined;
}

export interface Matches {
  /** [N]: the class of the box's object, 0 for background, −1 for ignored */
  readonly labels: Int32Array;
  /** [N]: the box's object, −1 for background, −2 for ignored */
  readonly matches: Int32Array;
  /** [N]: the largest IoU with an object; 0 where there is none */
  readonly overlaps: Float32Array;
}

const inputNames = ['boxes', 'gtBoxes', 'gtLabels', 'gtIgnore'] as const;
const optionNames = ['foreground', 'background', 'lowQuality', 'device'] as const;

function thresholdsOf(options: MatchOptions) {
  const { foreground = 0.5, lowQuality = false } = options;
  share('', 'foreground', foreground);
  const { background = Math.min(foreground, 0.5) } = options;
  share('', 'background', background);
  if (background > foreground)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `background is ${background}; expected at most foreground, ${foreground}`,
    );
  return { foreground, background, lowQuality: flag('', 'lowQuality', lowQuality) };
}

/** @throws `ERR_ROI_LOSS_DEVICE` for a GPU */
function cpuOf(given: Device | string | undefined): Device {
  const device = deviceOf(given);
  if (device.name !== 'cpu')
    throw plainError(
      'ERR_ROI_LOSS_DEVICE',
      `device is '${device.name}'; expected 'cpu', where boxes are matched`,
    );
  return device;
}

function checkClasses(gtLabels: Int32Array, objects: number): void {
  checkInts('gtLabels', gtLabels, objects);
  const wrong = gtLabels.findIndex((label) => label < 1);
  if (wrong >= 0)
    throw rangeError(
      'ERR_ROI_LOSS_LABEL',
      `gtLabels[${wrong}] is ${gtLabels[wrong]}; expected the class of an object, from 1 on`,
    );
}

function checkIgnored(gtIgnore: Uint8Array, objects: number): void {
  checkArray('gtIgnore', gtIgnore, 'Uint8Array');
  if (lengthOf(gtIgnore) !== objects)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `gtIgnore has ${lengthOf(gtIgnore)} elements; expected ${objects}, the number of gtBoxes`,
    );
}

/**
 * Finds the object that each box belongs to: the one with the largest IoU, of equal ones the first, if that reaches
 * `foreground`. A box that lies in a crowd by more than `foreground` of its own area is ignored, whatever else it
 * overlaps. Memory is in proportion to N + G.
 *
 * Without crowds `matches` is that of torchvision's `Matcher` over `box_iou` to the bit, its corners included: where an
 * object overlaps no box at all, `lowQuality` makes all boxes foreground; a box without an area has no IoU (NaN) with an
 * object without one, and belongs to it. So does a box with a NaN or an infinity, which makes the box loss NaN. Source: Ren
 * et al., Faster R-CNN, 2015, section 3.1.2.
 *
 * @returns `labels`, `matches` and `overlaps`, new arrays [N]
 * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_OPTION`,
 * `ERR_ROI_LOSS_BUFFER`; `ERR_ROI_LOSS_LABEL` for a class below 1; `ERR_ROI_LOSS_DEVICE` for a GPU
 */
export function matchBoxes(inputs: MatchInputs, options: MatchOptions = {}): Matches {
  const { boxes, gtBoxes, gtLabels, gtIgnore } = readBoxInputs(inputs, inputNames);
  const { device: given, ...numbers } = readBoxOptions(options, optionNames);
  const thresholds = thresholdsOf(numbers);
  const count = checkBoxes('boxes', boxes);
  const objects = checkBoxes('gtBoxes', gtBoxes, '[G, 4]');
  if (gtLabels !== undefined) checkClasses(gtLabels, objects);
  if (gtIgnore !== undefined) checkIgnored(gtIgnore, objects);
  const found = {
    labels: new Int32Array(count),
    matches: new Int32Array(count),
    overlaps: new Float32Array(count),
  };
  const device = cpuOf(given);
  callNative(() =>
    device.handle.match(
      { boxes: count, objects, ...thresholds },
      { boxes, gtBoxes, gtLabels, gtIgnore, ...found },
    ),
  );
  return found;
}
