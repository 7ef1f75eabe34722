import { roiAlign } from './boxes';
import type { Roi } from './rois';

const coarse = 10;
const cells = 5;
const cellSize = 5;
const directions = 8;

/** The RoI's pixels at 10×10, and a 1 for the bias. */
export function brightness({ scene, box }: Roi): Float64Array {
  return Float64Array.of(...roiAlign(scene.pixels, scene.size, box, coarse), 1);
}

/** How much of an edge runs in each of 8 directions in each of 5×5 cells of the RoI, and a 1 for the bias. */
export function edges({ scene, box }: Roi): Float64Array {
  const side = cells * cellSize;
  const pixels = roiAlign(scene.pixels, scene.size, box, side);
  const contrast = Math.max(...pixels) * cellSize;
  const out = new Float64Array(cells * cells * directions + 1);
  for (let y = 1; y < side - 1; y++)
    for (let x = 1; x < side - 1; x++) {
      const at = y * side + x;
      const dx = pixels[at + 1]! - pixels[at - 1]!;
      const dy = pixels[at + side]! - pixels[at - side]!;
      const turn = Math.atan2(dy, dx) / (2 * Math.PI) + 1;
      const direction = Math.floor(turn * directions) % directions;
      const cell = Math.floor(y / cellSize) * cells + Math.floor(x / cellSize);
      out[cell * directions + direction]! += Math.hypot(dx, dy) / contrast;
    }
  out[out.length - 1] = 1;
  return out;
}
