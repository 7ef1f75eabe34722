import * as tf from '@tensorflow/tfjs';
import { nms } from 'roi-loss';
import { type Box, centred, clip, decode } from '../../digits/boxes';
import { foregroundClasses } from '../../digits/digits';
import { seeded } from '../../digits/random';
import type { Scene } from '../../digits/scenes';
import { classes, lookOf, pixelsOf, side } from '../data/dataset';
import type { Mask } from '../data/masks';
import { propose } from '../data/proposals';
import type { Masked } from '../data/scenes';
import type { Head } from './head';

/** What a head finds in a scene. */
export interface Detection {
  readonly label: number;
  /** The class probability. */
  readonly score: number;
  readonly box: Box;
  readonly mask: Mask;
}

/** How many proposals an object has, and how many there are anywhere in a scene. */
const proposals = { near: 4, anywhere: 16 };
const leastScore = 0.05;
/** From this probability a pixel belongs to a mask. */
export const likely = 0.5;
const nmsIou = 0.5;
const mostDetections = 100;
const leastSide = 4;
const chunk = 128;

/** Runs the head over RoIs of a scene, so many at once. */
function overRois(
  scene: Scene<Masked>,
  boxes: readonly Box[],
  run: (crops: tf.Tensor4D, from: number) => void,
): void {
  for (let from = 0; from < boxes.length; from += chunk) {
    const part = boxes.slice(from, from + chunk);
    const crops = new Float32Array(part.length * pixelsOf);
    part.forEach((box, i) => {
      crops.set(lookOf({ scene, box }), i * pixelsOf);
    });
    tf.tidy(() => run(tf.tensor4d(crops, [part.length, side, side, 1]), from));
  }
}

type Candidate = Omit<Detection, 'mask'>;

/** Every class of every proposal that is likely enough, with the box that its deltas give. */
function candidates(head: Head, scene: Scene<Masked>, boxes: readonly Box[]): Candidate[] {
  const found: Candidate[] = [];
  overRois(scene, boxes, (crops, from) => {
    const { classLogits, boxDeltas } = head.classify(head.features(crops));
    const probabilities = tf.softmax(classLogits).dataSync();
    const deltas = boxDeltas.dataSync();
    probabilities.forEach((score, i) => {
      const [roi, label] = [Math.floor(i / classes), i % classes];
      if (label === 0 || score < leastScore) return;
      const at = (roi * foregroundClasses + label - 1) * 4;
      const box = clip(decode(boxes[from + roi]!, deltas.subarray(at, at + 4)), scene.size);
      const [, , width, height] = centred(box);
      if (width >= leastSide && height >= leastSide) found.push({ label, score, box });
    });
  });
  return found;
}

/** The likeliest of those of a class that overlap. */
export function suppress<T extends Candidate>(found: readonly T[]): T[] {
  const kept = nms(
    {
      boxes: Float32Array.from(found.flatMap(({ box }) => box)),
      scores: Float32Array.from(found, ({ score }) => score),
      labels: Int32Array.from(found, ({ label }) => label),
    },
    { iouThreshold: nmsIou },
  );
  return Array.from(kept.subarray(0, mostDetections), (i) => found[i]!);
}

/**
 * The pixels of the scene in which a RoI's mask has a probability of at least ½: bilinear between the bins of `probabilities`
 * [28, 28], which are 0 outside the box. Source: detectron2's `paste_masks_in_image`.
 */
export function paste(probabilities: ArrayLike<number>, [left, top, right, bottom]: Box): Mask {
  const [x0, y0] = [Math.floor(left), Math.floor(top)];
  const [width, height] = [Math.ceil(right) - x0, Math.ceil(bottom) - y0];
  const bin = (x: number, y: number) =>
    x >= 0 && x < side && y >= 0 && y < side ? probabilities[y * side + x]! : 0;
  const bits = Uint8Array.from({ length: width * height }, (_, i) => {
    const u = ((x0 + (i % width) + 0.5 - left) / (right - left)) * side - 0.5;
    const v = ((y0 + Math.floor(i / width) + 0.5 - top) / (bottom - top)) * side - 0.5;
    const [x, y] = [Math.floor(u), Math.floor(v)];
    const upper = (x + 1 - u) * bin(x, y) + (u - x) * bin(x + 1, y);
    const lower = (x + 1 - u) * bin(x, y + 1) + (u - x) * bin(x + 1, y + 1);
    return Number((y + 1 - v) * upper + (v - y) * lower >= likely);
  });
  return { x0, y0, width, height, bits };
}

/** [boxes, 28, 28]: the mask probabilities of each box's own label. */
export function maskProbabilities(
  head: Head,
  scene: Scene<Masked>,
  found: readonly { readonly label: number; readonly box: Box }[],
): Float32Array[] {
  const out: Float32Array[] = [];
  overRois(
    scene,
    found.map(({ box }) => box),
    (crops, from) => {
      const count = crops.shape[0];
      const all = tf.sigmoid(head.segment(head.features(crops), count)).dataSync();
      for (let roi = 0; roi < count; roi++) {
        const channel = found[from + roi]!.label - 1;
        out.push(
          Float32Array.from(
            { length: pixelsOf },
            (_, i) => all[(roi * pixelsOf + i) * foregroundClasses + channel]!,
          ),
        );
      }
    },
  );
  return out;
}

/**
 * Detections of a scene by falling score, as Mask R-CNN infers: classes and boxes of the proposals, non-maximum suppression,
 * then masks in the boxes that are left. `seed` is that of the proposals.
 */
export function detect(head: Head, scene: Scene<Masked>, seed: number): Detection[] {
  const kept = suppress(
    candidates(head, scene, propose(scene, proposals.near, proposals.anywhere, seeded(seed))),
  );
  const masks = maskProbabilities(head, scene, kept);
  return kept.map((candidate, i) => ({ ...candidate, mask: paste(masks[i]!, candidate.box) }));
}
