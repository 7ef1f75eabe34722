import { iou } from '../../digits/boxes';
import { foregroundClasses } from '../../digits/digits';
import { maskIou } from '../data/masks';
import type { Masked } from '../data/scenes';
import type { Detection } from '../head/detect';
import { mean, precisionCurve, recallPoints } from './average-precision';
import { boundaryScore } from './boundary';
import { match } from './match';

/** Mask IoU from which a detection is right: 0.5, 0.55, … 0.95. */
export const thresholds = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);

/** The thresholds whose precision-recall curves are drawn. */
export const curveThresholds = [0.5, 0.75] as const;

/** Of a class in an image only the likeliest count. */
const mostDetections = 100;
/** From this class probability a detection counts for precision, recall and F1. */
const confident = 0.5;
/** From this box IoU a detection is of an object, whatever its mask. */
const sameBox = 0.5;

export interface Scores {
  /** By threshold: average precision, the mean over the classes that occur; −1 if there are no objects at all. */
  readonly ap: readonly number[];
  /** By threshold, of detections with a class probability of at least ½, over all classes together. */
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  /** For each of `curveThresholds` precision at recall 0, 0.01, … 1, averaged like `ap`. */
  readonly curves: readonly (readonly number[])[];
  /** Mean over the objects whose box was found, whatever the mask. */
  readonly maskIou: number;
  readonly boundary: number;
  /** The share of objects whose box was found. */
  readonly found: number;
}

export interface Image {
  readonly objects: readonly Masked[];
  readonly detections: readonly Detection[];
}

/** One class of one image: its likeliest detections by falling score, and their IoUs with the objects. */
interface Group {
  readonly label: number;
  readonly detections: readonly Detection[];
  readonly objects: readonly Masked[];
  readonly overlaps: readonly (readonly number[])[];
}

function groupsOf(images: readonly Image[]): Group[] {
  return images.flatMap((image) =>
    Array.from({ length: foregroundClasses }, (_, i): Group => {
      const objects = image.objects.filter(({ label }) => label === i + 1);
      const detections = image.detections
        .filter(({ label }) => label === i + 1)
        .toSorted((a, b) => b.score - a.score)
        .slice(0, mostDetections);
      const overlaps = detections.map(({ mask }) => objects.map((object) => maskIou(mask, object.mask)));
      return { label: i + 1, detections, objects, overlaps };
    }),
  );
}

const share = (part: number, of: number) => (of > 0 ? part / of : 0);

const count = (groups: readonly Group[]) => groups.reduce((sum, { objects }) => sum + objects.length, 0);

/** By class that occurs, the precision-recall curve at a threshold. */
function curvesOf(groups: readonly Group[], threshold: number): number[][] {
  return Array.from({ length: foregroundClasses }, (_, i) => groups.filter(({ label }) => label === i + 1))
    .filter((own) => count(own) > 0)
    .map((own) => {
      const ranked = own
        .flatMap(({ detections, overlaps }) => {
          const matched = match(overlaps, threshold);
          return detections.map(({ score }, i) => ({ score, hit: matched[i]! >= 0 }));
        })
        .toSorted((a, b) => b.score - a.score);
      return precisionCurve(
        ranked.map(({ hit }) => hit),
        count(own),
      );
    });
}

/** Precision, recall and F1 of the confident detections. */
function pointOf(groups: readonly Group[], threshold: number) {
  let [hits, claims] = [0, 0];
  for (const { detections, overlaps } of groups) {
    const sure = detections.filter(({ score }) => score >= confident).length;
    claims += sure;
    hits += match(overlaps.slice(0, sure), threshold).filter((object) => object >= 0).length;
  }
  const [precision, recall] = [share(hits, claims), share(hits, count(groups))];
  return { precision, recall, f1: share(2 * precision * recall, precision + recall) };
}

/** How good masks are, apart from whether classes and boxes are. */
function qualityOf(groups: readonly Group[], tolerance: number) {
  const ious: number[] = [];
  const boundaries: number[] = [];
  for (const { detections, objects, overlaps } of groups) {
    const sure = detections.filter(({ score }) => score >= confident);
    const byBox = sure.map(({ box }) => objects.map((object) => iou(box, object.box)));
    match(byBox, sameBox).forEach((object, i) => {
      if (object < 0) return;
      ious.push(overlaps[i]![object]!);
      boundaries.push(boundaryScore(sure[i]!.mask, objects[object]!.mask, tolerance));
    });
  }
  return {
    maskIou: share(
      ious.reduce((sum, value) => sum + value, 0),
      ious.length,
    ),
    boundary: share(
      boundaries.reduce((sum, value) => sum + value, 0),
      boundaries.length,
    ),
    found: share(ious.length, count(groups)),
  };
}

/** The mean over the classes that occur; COCO's −1 if none does. */
const overClasses = (values: readonly number[]) => (values.length > 0 ? mean(values) : -1);

/** What detections are worth, as COCO judges them. `tolerance` is that of boundaries, in pixels. */
export function score(images: readonly Image[], tolerance: number): Scores {
  const groups = groupsOf(images);
  const points = thresholds.map((threshold) => pointOf(groups, threshold));
  const byClass = thresholds.map((threshold) => curvesOf(groups, threshold));
  return {
    ap: byClass.map((curves) => overClasses(curves.map(mean))),
    precision: points.map(({ precision }) => precision),
    recall: points.map(({ recall }) => recall),
    f1: points.map(({ f1 }) => f1),
    curves: curveThresholds.map((threshold) => {
      const curves = byClass[thresholds.indexOf(threshold)]!;
      return recallPoints.map((_, point) => overClasses(curves.map((curve) => curve[point]!)));
    }),
    ...qualityOf(groups, tolerance),
  };
}
