/**
 * Which object each detection is matched with: in the order of falling scores, each takes the free object it overlaps most,
 * if by at least the threshold, and the last of several that it overlaps alike. Source: COCO's evaluation (Lin et al., 2014;
 * pycocotools).
 *
 * @param overlaps by detection, in the order of falling scores, the IoU with each object
 * @returns by detection the object's index, −1 where there is none
 */
export function match(overlaps: readonly (readonly number[])[], threshold: number): number[] {
  const taken = new Set<number>();
  return overlaps.map((row) => {
    let best = -1;
    row.forEach((iou, object) => {
      if (iou >= threshold && !taken.has(object) && (best < 0 || iou >= row[best]!)) best = object;
    });
    if (best >= 0) taken.add(best);
    return best;
  });
}
