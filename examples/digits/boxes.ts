/** Corners in pixels: x0 ≤ x < x1, y0 ≤ y < y1. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

function area([x0, y0, x1, y1]: Box): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}

/** Intersection over union. */
export function iou(a: Box, b: Box): number {
  const [ax0, ay0, ax1, ay1] = a;
  const [bx0, by0, bx1, by1] = b;
  const both = area([Math.max(ax0, bx0), Math.max(ay0, by0), Math.min(ax1, bx1), Math.min(ay1, by1)]);
  return both / (area(a) + area(b) - both);
}

/** The part of a box that lies in an image of size×size pixels. */
export function clip([x0, y0, x1, y1]: Box, size: number): Box {
  return [Math.max(0, x0), Math.max(0, y0), Math.min(size, x1), Math.min(size, y1)];
}

/** The box of width w and height h around a centre. */
export function around(x: number, y: number, w: number, h: number): Box {
  return [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
}

/** How far a proposal is from a ground-truth box: Faster R-CNN's regression targets, with the weights of its heads. */
export function encode(proposal: Box, truth: Box): [dx: number, dy: number, dw: number, dh: number] {
  const [px, py, pw, ph] = centred(proposal);
  const [gx, gy, gw, gh] = centred(truth);
  return [(10 * (gx - px)) / pw, (10 * (gy - py)) / ph, 5 * Math.log(gw / pw), 5 * Math.log(gh / ph)];
}

/** A box is at most 62.5 times as wide or high as its proposal: detectron2's and torchvision's bound, by ImageNet's sizes. */
const mostGrowth = Math.log(1000 / 16);

/** The box that a proposal and its deltas mean: undoes `encode`. */
export function decode(proposal: Box, [dx, dy, dw, dh]: ArrayLike<number> & Iterable<number>): Box {
  const [px, py, pw, ph] = centred(proposal);
  const grown = (extent: number, delta: number) => extent * Math.exp(Math.min(delta / 5, mostGrowth));
  return around(px + (dx! / 10) * pw, py + (dy! / 10) * ph, grown(pw, dw!), grown(ph, dh!));
}

/** Centre, width and height. */
export function centred([x0, y0, x1, y1]: Box): [x: number, y: number, w: number, h: number] {
  return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0];
}

/**
 * What a box shows of an image, resampled to size×size: RoIAlign, with samples×samples bilinear samples a bin.
 * Pixel i covers [i, i + 1); outside the image all is 0.
 */
export function roiAlign(
  image: ArrayLike<number>,
  imageSize: number,
  [x0, y0, x1, y1]: Box,
  size: number,
  samples = 2,
): Float32Array {
  const pixel = (x: number, y: number): number =>
    x >= 0 && x < imageSize && y >= 0 && y < imageSize ? image[y * imageSize + x]! : 0;
  const out = new Float32Array(size * size);
  const steps = size * samples;
  for (let row = 0; row < steps; row++) {
    const y = y0 + ((row + 0.5) / steps) * (y1 - y0) - 0.5;
    const top = Math.floor(y);
    for (let column = 0; column < steps; column++) {
      const x = x0 + ((column + 0.5) / steps) * (x1 - x0) - 0.5;
      const left = Math.floor(x);
      const upper = pixel(left, top) + (x - left) * (pixel(left + 1, top) - pixel(left, top));
      const lower = pixel(left, top + 1) + (x - left) * (pixel(left + 1, top + 1) - pixel(left, top + 1));
      const bin = Math.floor(row / samples) * size + Math.floor(column / samples);
      out[bin]! += (upper + (y - top) * (lower - upper)) / samples ** 2;
    }
  }
  return out;
}
