import { bitAt, type Mask } from '../data/masks';

type Pixel = readonly [x: number, y: number];

/** The ones of a mask that have a zero beside, above or below them. */
function boundaryOf(mask: Mask): Pixel[] {
  const { x0, y0, width, bits } = mask;
  const boundary: Pixel[] = [];
  bits.forEach((bit, i) => {
    if (!bit) return;
    const [x, y] = [x0 + (i % width), y0 + Math.floor(i / width)];
    const inside =
      bitAt(mask, x - 1, y) & bitAt(mask, x + 1, y) & bitAt(mask, x, y - 1) & bitAt(mask, x, y + 1);
    if (!inside) boundary.push([x, y]);
  });
  return boundary;
}

/** The share of some pixels that have one of the others within the tolerance. */
function shareNear(pixels: readonly Pixel[], others: readonly Pixel[], tolerance: number): number {
  const key = (x: number, y: number) => y * 65536 + x;
  const reach = Math.ceil(tolerance);
  const near = new Set<number>();
  for (const [x, y] of others)
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++)
        if (dx * dx + dy * dy <= tolerance * tolerance) near.add(key(x + dx, y + dy));
  return pixels.filter(([x, y]) => near.has(key(x, y))).length / pixels.length;
}

/**
 * The F-score of a mask's boundary: the harmonic mean of how much of the predicted boundary lies within `tolerance` pixels
 * of the true one, and how much of the true one within that of the predicted. 1 if both masks are empty, 0 if one is.
 *
 * A definition of this experiment: a boundary consists of a mask's outermost pixels, and the tolerance is in pixels. The
 * measure F of Perazzi et al. (DAVIS, 2016) finds boundaries otherwise, and its tolerance grows with the image.
 */
export function boundaryScore(predicted: Mask, truth: Mask, tolerance: number): number {
  const [a, b] = [boundaryOf(predicted), boundaryOf(truth)];
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  const [precision, recall] = [shareNear(a, b, tolerance), shareNear(b, a, tolerance)];
  return precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
}
