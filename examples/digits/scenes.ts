import type { CocoAnnotation } from 'roi-loss';
import { type Box, iou, roiAlign } from './boxes';
import { type Digits, imageSize } from './digits';
import { between, pick, type Random, whole } from './random';

/** Something in a scene that RoIs are matched with. */
export interface Labelled {
  /** From 1. */
  readonly label: number;
  /** The ground-truth box. */
  readonly box: Box;
}

/** A digit in a scene. Its ground-truth box is the extent of its silhouette. */
export interface Instance extends Labelled {
  /** The digit's own 28×28 pixels. */
  readonly image: Float32Array;
  /** Where these lie in the scene. */
  readonly frame: Box;
  /** Whether each pixel of the frame is the digit's. */
  readonly bits: Uint8Array;
}

/** A picture of several digits. */
export interface Scene<I extends Labelled = Instance> {
  /** Width and height in pixels. */
  readonly size: number;
  readonly pixels: Float32Array;
  readonly instances: readonly I[];
}

export const sceneSize = 256;
const placements = 12;
const smallest = 40;
const largest = 120;
const noise = 0.15;

/** A digit's silhouette, its ground-truth mask, is where it is at least this bright. */
const silhouette = 0.5;

/** The extent of the silhouette in an image of size×size pixels that lies at (x0, y0). */
function extent(image: Float32Array, size: number, x0: number, y0: number): Box {
  const xs: number[] = [];
  const ys: number[] = [];
  image.forEach((value, i) => {
    if (value < silhouette) return;
    xs.push(i % size);
    ys.push(Math.floor(i / size));
  });
  return [x0 + Math.min(...xs), y0 + Math.min(...ys), x0 + Math.max(...xs) + 1, y0 + Math.max(...ys) + 1];
}

/** Digits of various sizes and brightnesses on a noisy ground. They may touch, but hardly overlap. */
export function composeScene(digits: Digits, random: Random): Scene {
  const pixels = Float32Array.from({ length: sceneSize ** 2 }, () => noise * random());
  const instances: Instance[] = [];
  for (let i = 0; i < placements; i++) {
    const digit = whole(random, 0, digits.length - 1);
    const image = pick(random, digits[digit]!);
    const size = whole(random, smallest, largest);
    const x0 = whole(random, 0, sceneSize - size);
    const y0 = whole(random, 0, sceneSize - size);
    const brightness = between(random, 0.6, 1);
    const scaled = roiAlign(image, imageSize, [0, 0, imageSize, imageSize], size, 1);
    const box = extent(scaled, size, x0, y0);
    const bits = Uint8Array.from(scaled, (value) => (value >= silhouette ? 1 : 0));
    if (instances.some((other) => iou(box, other.box) > 0.05)) continue;
    scaled.forEach((value, j) => {
      const at = (y0 + Math.floor(j / size)) * sceneSize + x0 + (j % size);
      pixels[at] = Math.max(pixels[at]!, brightness * value);
    });
    instances.push({ label: digit + 1, image, frame: [x0, y0, x0 + size, y0 + size], bits, box });
  }
  return { size: sceneSize, pixels, instances };
}

/** The run lengths of an instance's mask in its scene, column by column, as COCO has them. */
function runsOf({ bits, frame: [x0, y0, x1, y1] }: Instance, size: number): number[] {
  const counts = [0];
  let last = 0;
  for (let x = 0; x < size; x++)
    for (let y = 0; y < size; y++) {
      const isInside = x >= x0 && x < x1 && y >= y0 && y < y1;
      const bit = isInside ? bits[(y - y0) * (x1 - x0) + x - x0]! : 0;
      if (bit !== last) counts.push(0);
      counts[counts.length - 1]!++;
      last = bit;
    }
  return counts;
}

/** The digits of a scene as a data set would have them. */
export const annotationsOf = ({ size, instances }: Scene): CocoAnnotation[] =>
  instances.map((instance, id) => {
    const [x0, y0, x1, y1] = instance.box;
    return {
      id,
      category_id: instance.label,
      bbox: [x0, y0, x1 - x0, y1 - y0],
      segmentation: { size: [size, size], counts: runsOf(instance, size) },
    };
  });
