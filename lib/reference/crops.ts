import { drawRings } from './polygons';

// Mask targets of a RoI from its object's mask, as the peers make them, one pixel after another.

/** A box (x1, y1, x2, y2), or the four deltas between two of them. */
export type Four = ArrayLike<number> & { readonly length: number };

/** An object's mask: a bitmap of the image [Hi, Wi], or the rings of its polygons, each a list x, y, x, y, …. */
export type ObjectMask =
  | { readonly bits: Uint8Array; readonly size: readonly [number, number] }
  | { readonly rings: readonly ArrayLike<number>[] };

export type Crop = 'detectron2' | 'torchvision';

/**
 * What each of `bins` bins from `from` to `to` takes of the pixels of one axis, by index: the mean over its samples, which lie
 * at most a pixel apart. A sample lies between the centres of two pixels, at integers, and takes of both; beyond the outermost
 * centres it takes that pixel, and more than a pixel beyond nothing. Positions are rounded to float32 after each operation, as
 * in the peers: far from 0 that moves a sample by more than the results may differ.
 */
function binWeights(
  from: number,
  to: number,
  bins: number,
  pixels: number,
  aligned: boolean,
): Map<number, number>[] {
  const { fround } = Math;
  const start = fround(from - (aligned ? 0.5 : 0));
  const side = fround(fround(to - (aligned ? 0.5 : 0)) - start);
  const bin = fround((aligned ? side : Math.max(side, 1)) / bins);
  const count = Math.ceil(bin);
  return Array.from({ length: bins }, (_, p) => {
    const weights = new Map<number, number>();
    const take = (pixel: number, weight: number) =>
      weights.set(pixel, (weights.get(pixel) ?? 0) + weight / count);
    for (let i = 0; i < count; i++) {
      const at = fround(fround(start + fround(p * bin)) + fround(fround((i + 0.5) * bin) / count));
      if (at < -1 || at > pixels) continue;
      const inside = Math.min(Math.max(at, 0), pixels - 1);
      const low = Math.floor(inside);
      take(low, 1 - (inside - low));
      if (low + 1 < pixels) take(low + 1, inside - low);
    }
    return weights;
  });
}

/**
 * RoIAlign of a bitmap in a box, [H, W]: the mean over the samples of each bin, which are a grid, so that rows and columns come
 * apart. He et al., Mask R-CNN, 2017; `aligned` shifts by half a pixel, so that integers are corners of pixels.
 */
export function roiAlign(
  bits: Uint8Array,
  [imageHeight, imageWidth]: readonly [number, number],
  box: Four,
  [height, width]: readonly [number, number],
  aligned: boolean,
): Float64Array {
  const [x1, y1, x2, y2] = Array.from(box) as [number, number, number, number];
  const columns = binWeights(x1, x2, width, imageWidth, aligned);
  const out = new Float64Array(height * width);
  for (const [p, rows] of binWeights(y1, y2, height, imageHeight, aligned).entries()) {
    const line = new Float64Array(imageWidth);
    for (const [y, weight] of rows)
      for (let x = 0; x < imageWidth; x++)
        if (bits[y * imageWidth + x] !== 0) line[x] = (line[x] as number) + weight;
    for (const [q, weights] of columns.entries())
      for (const [x, weight] of weights)
        out[p * width + q] = (out[p * width + q] as number) + weight * (line[x] as number);
  }
  return out;
}

/** The target of a RoI in `box` whose object has the mask `mask`, [H, W]. */
export function cropMask(
  mask: ObjectMask,
  box: Four,
  out: readonly [number, number],
  crop: Crop = 'detectron2',
): Float64Array {
  if ('rings' in mask) return Float64Array.from(drawRings(mask.rings, box, out));
  const soft = roiAlign(mask.bits, mask.size, box, out, crop === 'detectron2');
  return crop === 'detectron2' ? soft.map((x) => Number(x >= 0.5)) : soft;
}

/** What turns `proposal` into `box`: Girshick et al., Rich feature hierarchies, 2014, appendix C. */
export function encodeBox(proposal: Four, box: Four, weights: Four = [10, 10, 5, 5]): Float64Array {
  const of = ([x1, y1, x2, y2]: number[]) => {
    const [w, h] = [(x2 as number) - (x1 as number), (y2 as number) - (y1 as number)];
    return { x: (x1 as number) + w / 2, y: (y1 as number) + h / 2, w, h };
  };
  const [from, to] = [of(Array.from(proposal)), of(Array.from(box))];
  const deltas = [
    (to.x - from.x) / from.w,
    (to.y - from.y) / from.h,
    Math.log(to.w / from.w),
    Math.log(to.h / from.h),
  ];
  return Float64Array.from(deltas, (delta, i) => delta * (weights[i] as number));
}
