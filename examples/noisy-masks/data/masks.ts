import type { Box } from '../../digits/boxes';

/** A binary mask somewhere in a scene: ones and zeros in a window, row by row; zero outside it. */
export interface Mask {
  /** Where the window lies in the scene, in pixels. */
  readonly x0: number;
  readonly y0: number;
  readonly width: number;
  readonly height: number;
  /** [height, width] */
  readonly bits: Uint8Array;
}

export function area({ bits }: Mask): number {
  let sum = 0;
  for (const bit of bits) sum += bit;
  return sum;
}

/** The pixel (x, y) of the scene. */
export function bitAt({ x0, y0, width, height, bits }: Mask, x: number, y: number): number {
  const [column, row] = [x - x0, y - y0];
  return column >= 0 && column < width && row >= 0 && row < height ? bits[row * width + column]! : 0;
}

/** The smallest box around the ones; undefined if there are none. */
export function extent({ x0, y0, width, bits }: Mask): Box | undefined {
  let [left, top, right, bottom] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  bits.forEach((bit, i) => {
    if (!bit) return;
    const [x, y] = [x0 + (i % width), y0 + Math.floor(i / width)];
    [left, top, right, bottom] = [
      Math.min(left, x),
      Math.min(top, y),
      Math.max(right, x + 1),
      Math.max(bottom, y + 1),
    ];
  });
  return right > left ? [left, top, right, bottom] : undefined;
}

/** How many pixels both have. */
export function overlap(a: Mask, b: Mask): number {
  const [left, right] = [Math.max(a.x0, b.x0), Math.min(a.x0 + a.width, b.x0 + b.width)];
  const [top, bottom] = [Math.max(a.y0, b.y0), Math.min(a.y0 + a.height, b.y0 + b.height)];
  let sum = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++)
      sum += a.bits[(y - a.y0) * a.width + x - a.x0]! & b.bits[(y - b.y0) * b.width + x - b.x0]!;
  return sum;
}

/** Intersection over union; 0 where both are empty. */
export function maskIou(a: Mask, b: Mask): number {
  const both = overlap(a, b);
  return both && both / (area(a) + area(b) - both);
}
