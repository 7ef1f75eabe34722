import type { Four } from './crops';

// Polygons drawn as COCO's tools draw them: on a grid five times as fine, whose every fifth column, the middle of a column
// of pixels, tells where an outline crosses that column.

const scale = 5;

/** Truncation towards 0 is the rule of the peer, below 0 too. */
const rounded = (x: number) => Math.trunc(x + 0.5);

/**
 * Visits the points of the fine grid on the line from (u1, v1) to (u2, v2), one for each step along its longer side. The line is
 * computed from its lower end on, whichever way it is walked: two objects that share an edge have the same points.
 */
function walk(u1: number, v1: number, u2: number, v2: number, visit: (u: number, v: number) => void): void {
  const isFlat = Math.abs(u2 - u1) >= Math.abs(v2 - v1);
  const [from, to, otherFrom, otherTo] = isFlat ? [u1, u2, v1, v2] : [v1, v2, u1, u2];
  const steps = Math.abs(to - from);
  const low = Math.min(from, to);
  const [other, slope] =
    from > to ? [otherTo, (otherFrom - otherTo) / steps] : [otherFrom, (otherTo - otherFrom) / steps];
  for (let step = 0; step <= steps; step++) {
    const t = from > to ? steps - step : step;
    const across = rounded(other + (steps === 0 ? 0 : slope * t));
    isFlat ? visit(low + t, across) : visit(across, low + t);
  }
}

/** Whether each pixel [H, W] is inside a ring x, y, x, y, … in pixels. */
function drawRing(ring: readonly number[], [height, width]: readonly [number, number]): Uint8Array {
  const fine = ring.map((x) => rounded(scale * x));
  const bits = new Uint8Array(height * width);
  let [lastU, lastV] = [fine[0] as number, fine[1] as number];
  const visit = (u: number, v: number) => {
    if (lastU !== u) cross(Math.min(lastU, u), Math.min(lastV, v));
    [lastU, lastV] = [u, v];
  };
  // Below a crossing inside and outside change places.
  const cross = (u: number, v: number) => {
    const x = (u + 0.5) / scale - 0.5;
    if (x !== Math.floor(x) || x < 0 || x > width - 1) return;
    const y = Math.ceil(Math.min(Math.max((v + 0.5) / scale - 0.5, 0), height));
    for (let row = y; row < height; row++) bits[row * width + x] = 1 - (bits[row * width + x] as number);
  };
  for (let i = 0; i < fine.length; i += 2) {
    const next = (i + 2) % fine.length;
    walk(fine[i] as number, fine[i + 1] as number, fine[next] as number, fine[next + 1] as number, visit);
  }
  return bits;
}

/** Whether each pixel [H, W] is inside one of the rings, which are moved and scaled from `box` to the pixels. */
export function drawRings(
  rings: readonly ArrayLike<number>[],
  box: Four,
  [height, width]: readonly [number, number],
): Uint8Array {
  const [x1, y1, x2, y2] = Array.from(box) as [number, number, number, number];
  const ratioX = width / Math.max(Math.fround(x2 - x1), 0.1);
  const ratioY = height / Math.max(Math.fround(y2 - y1), 0.1);
  const bits = new Uint8Array(height * width);
  for (const ring of rings) {
    const placed = Array.from(ring, (at, i) => (i % 2 === 0 ? (at - x1) * ratioX : (at - y1) * ratioY));
    drawRing(placed, [height, width]).forEach((bit, i) => {
      bits[i] = (bits[i] as number) | bit;
    });
  }
  return bits;
}
