import type { Matches, MatchInputs, MatchOptions } from '../matching';

// Matching, suppression, encoding and decoding as on paper: with a matrix of overlaps, one box after another.

type Box = readonly [x1: number, y1: number, x2: number, y2: number];

const boxesOf = (array: Float32Array): Box[] =>
  Array.from(
    { length: array.length / 4 },
    (_, i) => Array.from(array.subarray(4 * i, 4 * i + 4)) as unknown as Box,
  );

const float = Math.fround;
const area = ([x1, y1, x2, y2]: Box) => float(float(x2 - x1) * float(y2 - y1));

function intersection(a: Box, b: Box): number {
  const width = Math.max(0, float(Math.min(a[2], b[2]) - Math.max(a[0], b[0])));
  const height = Math.max(0, float(Math.min(a[3], b[3]) - Math.max(a[1], b[1])));
  return float(width * height);
}

/** In float32, each operation rounded, in the order of torchvision's `box_iou`. */
function iou(a: Box, b: Box): number {
  const both = intersection(a, b);
  return float(both / float(float(area(a) + area(b)) - both));
}

/** The index of the first NaN, else of the first of the largest. */
const firstLargest = (values: readonly number[]) =>
  values.reduce((best, value, i) => (Number.isNaN(values[best]) || value <= values[best]! ? best : i), 0);

/** torchvision's `Matcher`, with labels and crowds. */
export function referenceMatches(
  { boxes, gtBoxes, gtLabels, gtIgnore }: MatchInputs,
  {
    foreground = 0.5,
    background = Math.min(foreground, 0.5),
    lowQuality = false,
  }: Omit<MatchOptions, 'device'> = {},
): Matches {
  const all = boxesOf(boxes);
  const objects = boxesOf(gtBoxes).map((box, index) => ({ box, index, crowd: gtIgnore?.[index] }));
  const [crowds, real] = [objects.filter(({ crowd }) => crowd), objects.filter(({ crowd }) => !crowd)];
  const quality = all.map((box) => real.map((object) => iou(object.box, box)));
  const best = quality.map(firstLargest);
  const most = real.map((_, g) => {
    const column = quality.map((row) => row[g]!);
    return column[firstLargest(column)];
  });
  const matches = all.map((box, i) => {
    const share = (crowd: Box) => float(intersection(crowd, box) / area(box));
    if (crowds.some((crowd) => share(crowd.box) > float(foreground))) return -2;
    if (real.length === 0) return -1;
    const row = quality[i]!;
    const match = real[best[i]!]!.index;
    if (lowQuality && row.some((overlap, g) => overlap === most[g])) return match;
    const overlap = row[best[i]!]!;
    return overlap < float(background) ? -1 : overlap < float(foreground) ? -2 : match;
  });
  return {
    labels: Int32Array.from(matches, (match) =>
      match >= 0 ? (gtLabels?.[match] ?? 1) : match === -1 ? 0 : -1,
    ),
    matches: Int32Array.from(matches),
    overlaps: Float32Array.from(quality, (row, i) => row[best[i]!] ?? 0),
  };
}
