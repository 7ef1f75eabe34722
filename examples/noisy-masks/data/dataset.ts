import { roiAlign } from '../../digits/boxes';
import { type Digits, foregroundClasses, imageSize, loadDigits } from '../../digits/digits';
import { type Random, seeded, shuffle } from '../../digits/random';
import { boxTarget, type Roi, sampleRois } from '../../digits/rois';
import type { Scene } from '../../digits/scenes';
import type { Settings } from '../settings';
import { corrupt } from './corrupt';
import { type Mask, maskIou } from './masks';
import { propose } from './proposals';
import { composeScene, type Masked } from './scenes';

/** C: the ten digits and, at index 0, background. */
export const classes = 1 + foregroundClasses;

/** Width and height of a RoI's crop and of its mask target. */
export const side = imageSize;

export const pixelsOf = side * side;

/** RoIs as arrays: what the head sees, and what it should say. */
export interface Examples {
  /** How many RoIs; the first `foreground` of them are foreground. */
  readonly count: number;
  readonly foreground: number;
  /** [count, 28, 28] */
  readonly crops: Float32Array;
  readonly labels: Int32Array;
  /** [count, 4] */
  readonly boxTargets: Float32Array;
  /** [foreground, 28, 28] */
  readonly maskTargets: Uint8Array;
}

export interface Parts<T> {
  readonly train: T;
  readonly validation: T;
  readonly test: T;
}

const proposals = { near: 8, anywhere: 100 };
const foregroundShare = 0.5;
/** Of an empty crop, which has no contrast. */
const leastVariance = 1e-4;
const everyNthForValidation = 8;
/** The scenes that are not trained on are the same in all runs. */
const fixedSeeds = { validation: 1_000_001, test: 1_000_002 };

/** The source images of each part; no image is in two. */
export function splitDigits(): Parts<Digits> {
  const { train, test } = loadDigits();
  const isForValidation = (i: number) => i % everyNthForValidation === 0;
  return {
    train: train.map((images) => images.filter((_, i) => !isForValidation(i))),
    validation: train.map((images) => images.filter((_, i) => isForValidation(i))),
    test,
  };
}

const compose = (digits: Digits, count: number, random: Random): Scene<Masked>[] =>
  Array.from({ length: count }, () => composeScene(digits, random));

export const testScenes = (digits: Digits, count: number): Scene<Masked>[] =>
  compose(digits, count, seeded(fixedSeeds.test));

/** The pixels of a RoI, 28×28. */
export const cropOf = ({ scene, box }: Pick<Roi<Masked>, 'scene' | 'box'>): Float32Array =>
  roiAlign(scene.pixels, scene.size, box, side);

/** What a head sees of a RoI: its pixels with mean 0 and variance 1. */
export function lookOf(roi: Pick<Roi<Masked>, 'scene' | 'box'>): Float32Array {
  const crop = cropOf(roi);
  const mean = crop.reduce((sum, value) => sum + value, 0) / crop.length;
  const variance = crop.reduce((sum, value) => sum + (value - mean) ** 2, 0) / crop.length;
  return crop.map((value) => (value - mean) / Math.sqrt(variance + leastVariance));
}

/** A mask as a RoI frames it, 28×28: at least half of a bin is covered. */
export function maskTarget({ x0, y0, width, bits }: Mask, box: Roi['box']): Uint8Array {
  const inWindow = [box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0] as const;
  return Uint8Array.from(roiAlign(bits, width, inWindow, side), (share) => (share >= 0.5 ? 1 : 0));
}

const sample = (scene: Scene<Masked>, count: number, random: Random) =>
  sampleRois(
    scene,
    propose(scene, proposals.near, proposals.anywhere, random),
    count,
    foregroundShare,
    random,
  );

function examplesOf(rois: readonly Roi<Masked>[], maskOf: (instance: Masked) => Mask): Examples {
  const shown = rois.filter(({ label }) => label > 0);
  const all = [...shown, ...rois.filter(({ label }) => label === 0)];
  const crops = new Float32Array(all.length * pixelsOf);
  const maskTargets = new Uint8Array(shown.length * pixelsOf);
  all.forEach((roi, i) => {
    crops.set(lookOf(roi), i * pixelsOf);
  });
  shown.forEach(({ instance, box }, i) => {
    maskTargets.set(maskTarget(maskOf(instance!), box), i * pixelsOf);
  });
  return {
    count: all.length,
    foreground: shown.length,
    crops,
    labels: Int32Array.from(all, ({ label }) => label),
    boxTargets: Float32Array.from(all.flatMap(boxTarget)),
    maskTargets,
  };
}

/** RoIs to train on, whose masks are corrupted, and how much of the masks is left, as their mean IoU with the clean ones. */
export function trainingExamples(
  digits: Digits,
  { scenes, roisPerScene }: Settings,
  seed: number,
  noise: number,
): { readonly examples: Examples; readonly maskIou: number } {
  const composed = compose(digits, scenes.train, seeded(seed));
  const proposing = seeded(seed + 1000);
  const carelessness = seeded(seed + 2000);
  // An annotation is wrong once: all RoIs of an object have the same mask.
  const annotations = new Map<Masked, Mask>();
  let agreement = 0;
  for (const instance of composed.flatMap(({ instances }) => instances)) {
    const annotation = corrupt(instance.mask, instance.scale, noise, carelessness);
    annotations.set(instance, annotation);
    agreement += maskIou(annotation, instance.mask);
  }
  const rois = composed.flatMap((scene) => sample(scene, roisPerScene, proposing));
  return {
    examples: examplesOf(rois, (instance) => annotations.get(instance)!),
    maskIou: agreement / annotations.size,
  };
}

/** RoIs whose loss is watched; their masks are clean. */
export function validationExamples(digits: Digits, { scenes, roisPerScene }: Settings): Examples {
  const random = seeded(fixedSeeds.validation);
  const rois = compose(digits, scenes.validation, random).flatMap((scene) =>
    sample(scene, roisPerScene, random),
  );
  return examplesOf(rois, ({ mask }) => mask);
}

/** Endless positions from 0 to count − 1: all of them in some order, then all of them in another. */
export function* positions(count: number, random: Random): Generator<number, never> {
  for (;;) yield* shuffle(random, [...Array(count).keys()]);
}

/** The RoIs at some positions, the foreground first. */
export function take(examples: Examples, at: readonly number[]): Examples {
  const shown = at.filter((i) => i < examples.foreground);
  const all = [...shown, ...at.filter((i) => i >= examples.foreground)];
  const gather = <T extends Float32Array | Int32Array | Uint8Array>(
    from: T,
    rows: readonly number[],
    width: number,
  ) => {
    const out = new (from.constructor as new (length: number) => T)(rows.length * width);
    rows.forEach((row, i) => {
      out.set(from.subarray(row * width, (row + 1) * width), i * width);
    });
    return out;
  };
  return {
    count: all.length,
    foreground: shown.length,
    crops: gather(examples.crops, all, pixelsOf),
    labels: gather(examples.labels, all, 1),
    boxTargets: gather(examples.boxTargets, all, 4),
    maskTargets: gather(examples.maskTargets, shown, pixelsOf),
  };
}
