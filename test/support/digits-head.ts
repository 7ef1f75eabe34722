import type { FusedInputs } from 'roi-loss/tfjs';
import { foregroundClasses, imageSize, loadDigits } from '../../examples/digits/digits';
import { random } from '../../lib/reference/random';
import { tf } from './tfjs';

// A small head for RoIs that show handwritten digits, and noise for background: enough to see whether losses train it.

export const classes = foregroundClasses + 1;
/** Every second pixel of an image goes in, every fourth of its silhouette is a mask target. */
const side = imageSize / 2;
const maskSide = imageSize / 4;

type Shape = readonly [number, number];
const shapes = {
  hidden: [side * side, 32],
  class: [32, classes],
  box: [32, foregroundClasses * 4],
  mask: [32, maskSide * maskSide * foregroundClasses],
} as const satisfies { readonly [name: string]: Shape };

type Weights = { readonly [K in keyof typeof shapes]: tf.Variable };

/** The same seed gives the same weights. */
export const weightsOf = (seed: number): Weights =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, [inputs, outputs]], i) => {
      const initial = tf.randomNormal([inputs, outputs], 0, 1 / Math.sqrt(inputs), 'float32', seed + i);
      return [name, tf.variable(initial)];
    }),
  ) as unknown as Weights;

const dense = (x: tf.Tensor, weights: tf.Variable) => tf.matMul(x, weights as tf.Tensor);

/** Class logits, box deltas and mask logits of images. */
export function predict(weights: Weights, images: tf.Tensor) {
  return tf.tidy(() => {
    const hidden = tf.relu(dense(images, weights.hidden));
    return {
      classLogits: dense(hidden, weights.class),
      boxDeltas: dense(hidden, weights.box),
      maskLogits: dense(hidden, weights.mask).reshape([-1, maskSide, maskSide, foregroundClasses]),
    };
  });
}

const every = (image: ArrayLike<number>, step: number) =>
  Array.from({ length: (imageSize / step) ** 2 }, (_, i) => {
    const [row, column] = [Math.floor(i / (imageSize / step)), i % (imageSize / step)];
    return image[(row * imageSize + column) * step] as number;
  });

/** Centre and size of a digit, in sizes of the image. */
function boxOf(image: Float32Array): number[] {
  const lit = [...image.keys()].filter((i) => (image[i] as number) > 0.5);
  const extent = (at: number[]) => [Math.min(...at), Math.max(...at)] as const;
  const [left, right] = extent(lit.map((i) => i % imageSize));
  const [top, bottom] = extent(lit.map((i) => Math.floor(i / imageSize)));
  return [left + right - imageSize, top + bottom - imageSize, right - left, bottom - top].map(
    (x) => x / imageSize,
  );
}

/** RoIs: so many images of each digit, and as many of noise as of one. */
export function roisOf(perDigit: number) {
  const digits = loadDigits().train.flatMap((images) => images.slice(0, perDigit));
  const next = random(1);
  const noise = Array.from({ length: perDigit }, () => new Float32Array(imageSize ** 2).map(() => next()));
  const images = [...digits, ...noise];
  const labels = images.map((_, i) => (i < digits.length ? 1 + Math.floor(i / perDigit) : 0));
  const masks = images.flatMap((image) => every(image, 4).map((brightness) => Number(brightness > 0.5)));
  return {
    images: tf.tensor2d(images.map((image) => every(image, 2))),
    targets: {
      labels: tf.tensor1d(labels, 'int32'),
      boxTargets: tf.tensor2d(images.map(boxOf)),
      maskTargets: tf.tensor3d(masks, [images.length, maskSide, maskSide], 'bool'),
    },
  } satisfies { images: tf.Tensor; targets: FusedInputs };
}
