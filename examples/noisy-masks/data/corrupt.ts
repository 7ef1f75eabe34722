import { between, type Random, whole } from '../../digits/random';
import { area, bitAt, extent, type Mask } from './masks';

// What goes wrong in annotations. A level of 1 is the worst; every extent grows with the level, and is given as a share of the
// object's size.

/** The boundary is drawn too far out or in by up to this. */
const boundary = 0.045;
/** The mask is shifted by up to this, in x and in y. */
const shift = 0.07;
/** Polygons that are missing: how many there may be, and their radii. */
const holes = { most: 2, smallest: 0.08, largest: 0.2 };
/** The share of pixels in the object's box that are wrong. */
const wrong = 0.08;

type Predicate = (x: number, y: number) => boolean;

/** The mask of the pixels, by scene coordinates, that satisfy a predicate, in the same window. */
function where(mask: Mask, holds: Predicate): Mask {
  const { x0, y0, width } = mask;
  return {
    ...mask,
    bits: mask.bits.map((_, i) => Number(holds(x0 + (i % width), y0 + Math.floor(i / width)))),
  };
}

/** Offsets of the pixels of a disk. */
function disk(radius: number): [dx: number, dy: number][] {
  const reach = Math.floor(radius);
  const span = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  return span.flatMap((dy) =>
    span.filter((dx) => dx * dx + dy * dy <= radius * radius).map((dx): [number, number] => [dx, dy]),
  );
}

/** Morphological dilation by a disk. */
export function dilate(mask: Mask, radius: number): Mask {
  const offsets = disk(radius);
  return where(mask, (x, y) => offsets.some(([dx, dy]) => bitAt(mask, x + dx, y + dy)));
}

/** Morphological erosion by a disk. */
export function erode(mask: Mask, radius: number): Mask {
  const offsets = disk(radius);
  return where(mask, (x, y) => offsets.every(([dx, dy]) => bitAt(mask, x + dx, y + dy)));
}

/** Inside a polygon with `radii.length` corners around (cx, cy). */
function polygon(cx: number, cy: number, radii: readonly number[]): Predicate {
  const corners = radii.map((radius, i): [number, number] => {
    const angle = (2 * Math.PI * i) / radii.length;
    return [cx + radius * Math.cos(angle), cy + radius * Math.sin(angle)];
  });
  return (x, y) => {
    let inside = false;
    corners.forEach(([ax, ay], i) => {
      const [bx, by] = corners[(i + 1) % corners.length]!;
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
    });
    return inside;
  };
}

function cutOut(mask: Mask, scale: number, random: Random): Mask {
  const ones = [...mask.bits.keys()].filter((i) => mask.bits[i]);
  const at = ones[whole(random, 0, ones.length - 1)]!;
  const radii = Array.from(
    { length: whole(random, 3, 7) },
    () => scale * between(random, holes.smallest, holes.largest),
  );
  const hole = polygon(mask.x0 + (at % mask.width), mask.y0 + Math.floor(at / mask.width), radii);
  return where(mask, (x, y) => bitAt(mask, x, y) === 1 && !hole(x, y));
}

/**
 * A mask as a careless annotator leaves it: boundary dilated or eroded, polygons cut out, shifted, with wrong pixels. A step
 * that would leave nothing is passed over. The same mask, scale (the object's size in pixels), level and random numbers
 * give the same result; level 0 gives the mask itself.
 */
export function corrupt(mask: Mask, scale: number, level: number, random: Random): Mask {
  if (level === 0) return mask;
  const ifAny = (next: Mask, before: Mask) => (area(next) > 0 ? next : before);
  const radius = level * boundary * scale * between(random, 0.5, 1);
  let result = random() < 0.5 ? dilate(mask, radius) : ifAny(erode(mask, radius), mask);
  const count = Math.round(level * holes.most * random());
  for (let i = 0; i < count; i++) result = ifAny(cutOut(result, scale, random), result);
  const [dx, dy] = [0, 1].map(() => Math.round(level * shift * scale * between(random, -1, 1)));
  const unmoved = result;
  result = where(unmoved, (x, y) => bitAt(unmoved, x - dx!, y - dy!) === 1);
  const [left, top, right, bottom] = extent(result) ?? [0, 0, 0, 0];
  const moved = result;
  return where(moved, (x, y) => {
    const isInBox = x >= left && x < right && y >= top && y < bottom;
    return (bitAt(moved, x, y) === 1) !== (isInBox && random() < level * wrong);
  });
}
