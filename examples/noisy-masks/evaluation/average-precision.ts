/** A detection in the order of falling scores: whether it was matched with an object. */
export type Hits = readonly boolean[];

/** Recall at which precision is read: 0, 0.01, … 1. Products, as in COCO: a few round otherwise than i / 100. */
export const recallPoints = Array.from({ length: 101 }, (_, i) => i * 0.01);

/**
 * Precision at each of the 101 recalls: the highest that is reached at that recall or a higher one, 0 where none reaches it.
 * Their mean is the average precision. Source: COCO's evaluation (Lin et al., 2014).
 *
 * @param hits detections in the order of falling scores
 * @param objects how many objects there are to be found; at least 1
 */
export function precisionCurve(hits: Hits, objects: number): number[] {
  if (!(objects >= 1)) throw new RangeError(`objects is ${objects}; expected at least 1`);
  const curve: number[] = [];
  const reached: { recall: number; precision: number }[] = [];
  let found = 0;
  hits.forEach((hit, i) => {
    if (hit) found++;
    reached.push({ recall: found / objects, precision: found / (i + 1) });
  });
  let best = 0;
  let next = reached.length - 1;
  for (let point = recallPoints.length - 1; point >= 0; point--) {
    for (; next >= 0 && reached[next]!.recall >= recallPoints[point]!; next--)
      best = Math.max(best, reached[next]!.precision);
    curve[point] = best;
  }
  return curve;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export const averagePrecision = (hits: Hits, objects: number): number => mean(precisionCurve(hits, objects));
