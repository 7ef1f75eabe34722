import { roiAlign } from '../../digits/boxes';
import { type Digits, imageSize } from '../../digits/digits';
import { between, pick, type Random, whole } from '../../digits/random';
import type { Labelled, Scene } from '../../digits/scenes';
import { area, bitAt, extent, type Mask, overlap } from './masks';

/** A digit in a scene, and the part of its silhouette that nothing hides: its ground-truth mask. */
export interface Masked extends Labelled {
  readonly mask: Mask;
  /** Width and height of the digit's frame in pixels. */
  readonly scale: number;
}

const sceneSize = 160;
const placements = 6;
const smallest = 40;
const largest = 72;
/** A digit of which less would be seen is not hidden further. */
const leastVisible = 0.8;
const scraps = 6;
const grain = 0.15;
/** Ground truth is where a digit covers at least this share of a pixel. */
const silhouette = 0.35;
/** Around the frame of a digit, as a share of it: room for what a careless annotator adds. */
const margin = 0.25;

interface Sprite {
  readonly x0: number;
  readonly y0: number;
  readonly size: number;
  /** [size, size], how much of each pixel is covered. */
  readonly cover: Float32Array;
}

/** Lays a sprite of one brightness over the pixels. */
function paint(pixels: Float32Array, { x0, y0, size, cover }: Sprite, brightness: number): void {
  cover.forEach((share, i) => {
    const at = (y0 + Math.floor(i / size)) * sceneSize + x0 + (i % size);
    pixels[at]! += share * (brightness - pixels[at]!);
  });
}

/** A digit, or the square `part` of it that lies at (left, top), at some place and size. */
function sprite(image: Float32Array, size: number, random: Random, part = imageSize): Sprite {
  const [left, top] = [whole(random, 0, imageSize - part), whole(random, 0, imageSize - part)];
  return {
    x0: whole(random, 0, sceneSize - size),
    y0: whole(random, 0, sceneSize - size),
    size,
    cover: roiAlign(image, imageSize, [left, top, left + part, top + part], size, 1),
  };
}

function silhouetteOf({ x0, y0, size, cover }: Sprite): Mask {
  const room = Math.round(margin * size);
  const side = size + 2 * room;
  const bits = new Uint8Array(side * side);
  cover.forEach((share, i) => {
    if (share >= silhouette) bits[(room + Math.floor(i / size)) * side + room + (i % size)] = 1;
  });
  return { x0: x0 - room, y0: y0 - room, width: side, height: side, bits };
}

/** What is left of a mask under another. */
function without(mask: Mask, other: Mask): Mask {
  if (overlap(mask, other) === 0) return mask;
  const { x0, y0, width, bits } = mask;
  return {
    ...mask,
    bits: bits.map((bit, i) => bit & ~bitAt(other, x0 + (i % width), y0 + Math.floor(i / width))),
  };
}

/**
 * Digits of various sizes and brightnesses that lie over one another, on a grainy ground with scraps of other digits.
 * The mask of a digit is what one sees of it, as COCO has it.
 */
export function composeScene(digits: Digits, random: Random): Scene<Masked> {
  const pixels = Float32Array.from({ length: sceneSize ** 2 }, () => grain * random());
  for (let i = 0; i < scraps; i++) {
    const image = pick(random, pick(random, digits));
    paint(pixels, sprite(image, whole(random, 12, 24), random, 10), between(random, 0.3, 0.7));
  }
  let seen: {
    readonly label: number;
    readonly scale: number;
    readonly whole: number;
    readonly mask: Mask;
  }[] = [];
  for (let i = 0; i < placements; i++) {
    const digit = whole(random, 0, digits.length - 1);
    const scale = whole(random, smallest, largest);
    const placed = sprite(pick(random, digits[digit]!), scale, random);
    const brightness = between(random, 0.4, 1);
    const mask = silhouetteOf(placed);
    if (seen.some((other) => area(other.mask) - overlap(other.mask, mask) < leastVisible * other.whole))
      continue;
    seen = seen.map((other) => ({ ...other, mask: without(other.mask, mask) }));
    paint(pixels, placed, brightness);
    seen.push({ label: digit + 1, scale, whole: area(mask), mask });
  }
  return {
    size: sceneSize,
    pixels,
    instances: seen.map(({ label, scale, mask }) => ({ label, scale, mask, box: extent(mask)! })),
  };
}
