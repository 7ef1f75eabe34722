import type { Polygons } from '../types';
import { random } from './random';

/** Objects of an image, and RoIs that are matched with them. */
export interface Scene {
  /** [R, 4] */
  readonly proposals: Float32Array;
  /** [R] */
  readonly matches: Int32Array;
  /** [G, 4] */
  readonly gtBoxes: Float32Array;
  /** [G, Hi, Wi]: ellipses. */
  readonly gtMasks: Uint8Array;
  /** The same ellipses, about; some have a second ring. */
  readonly gtPolygons: Polygons;
}

export interface SceneSizes {
  readonly rois: number;
  readonly objects: number;
  readonly imageSize: readonly [number, number];
  /** The sides of objects in pixels, from and to. Default: an eighth to a half of the image's shorter side. */
  readonly sides?: readonly [number, number];
}

/** Proposals are their objects' boxes, somewhat off. */
export function sceneOf(seed: number, sizes: SceneSizes): Scene {
  const { rois, objects, imageSize } = sizes;
  const [height, width] = imageSize;
  const least = Math.min(height, width);
  const [from, to] = sizes.sides ?? [least / 8, least / 2];
  const next = random(seed);
  const between = (low: number, high: number) => low + next() * (high - low);
  const boxes = Array.from({ length: objects }, () => {
    const [w, h] = [between(from, to), between(from, to)];
    const [x, y] = [between(0, width - w), between(0, height - h)];
    return [x, y, x + w, y + h] as const;
  });
  const gtMasks = new Uint8Array(objects * height * width);
  const rings: number[][] = [];
  const firstRings = [0];
  for (const [g, [x1, y1, x2, y2]] of boxes.entries()) {
    const [x, y, a, b] = [(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2];
    for (let row = Math.floor(y1); row < y2; row++)
      for (let column = Math.floor(x1); column < x2; column++)
        if (((column + 0.5 - x) / a) ** 2 + ((row + 0.5 - y) / b) ** 2 < 1)
          gtMasks[(g * height + row) * width + column] = 1 + (g % 255);
    for (let ring = 0; ring <= g % 2; ring++) {
      const shift = ring * a;
      rings.push(
        Array.from({ length: 12 }, (_, i) => (i * Math.PI) / 6).flatMap((turn) => [
          x + shift + a * Math.cos(turn),
          y + b * Math.sin(turn),
        ]),
      );
    }
    firstRings.push(rings.length);
  }
  const matches = Int32Array.from({ length: rois }, () => Math.floor(next() * objects));
  const proposals = Float32Array.from(
    [...matches].flatMap((g) => {
      const [x1, y1, x2, y2] = boxes[g] as (typeof boxes)[number];
      const [w, h] = [x2 - x1, y2 - y1];
      const [x, y] = [x1 + w * between(-0.2, 0.2), y1 + h * between(-0.2, 0.2)];
      return [x, y, x + w * between(0.8, 1.2), y + h * between(0.8, 1.2)];
    }),
  );
  return {
    proposals,
    matches,
    gtBoxes: Float32Array.from(boxes.flat()),
    gtMasks,
    gtPolygons: {
      points: Float32Array.from(rings.flat()),
      rings: Int32Array.from([0, ...rings.map((_, i) => (i + 1) * 12)]),
      objects: Int32Array.from(firstRings),
    },
  };
}
