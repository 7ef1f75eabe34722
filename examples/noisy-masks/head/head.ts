import * as tf from '@tensorflow/tfjs';
import { foregroundClasses } from '../../digits/digits';
import { type Random, seeded } from '../../digits/random';
import { classes, side } from '../data/dataset';
import { convolve, dense, upsample } from './layers';

/** The shapes of the weights; each has a bias. A quarter of the outputs of an upsampling are channels. */
const shapes = {
  conv1: [3, 3, 1, 16],
  conv2: [3, 3, 16, 32],
  conv3: [3, 3, 32, 64],
  hidden: [(side / 4) ** 2 * 64, 128],
  class: [128, classes],
  box: [128, foregroundClasses * 4],
  mask1: [3, 3, 64, 64],
  up1: [64, 4 * 32],
  mask2: [3, 3, 32, 32],
  up2: [32, 4 * 16],
  mask: [16, foregroundClasses],
} as const;

type Name = keyof typeof shapes;

/** The layers whose outputs are logits or deltas start small. */
const lastScale = 0.1;
const last: readonly Name[] = ['class', 'box', 'mask'];

/** By Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface Features {
  readonly at28: tf.Tensor4D;
  readonly at14: tf.Tensor4D;
  readonly at7: tf.Tensor4D;
}

/**
 * A Mask R-CNN style head in miniature: three convolutions that all branches share; class logits [R, C] and box deltas
 * [R, C − 1, 4] from a hidden layer; mask logits [P, 28, 28, C − 1] from convolutions that get the finer features back on
 * the way up.
 */
export class Head {
  readonly #weights: { readonly [N in Name]: tf.Variable };
  readonly #biases: { readonly [N in Name]: tf.Variable };

  /** The same seed gives the same weights (He et al., 2015; biases are 0). */
  constructor(seed: number) {
    const random = seeded(seed);
    const make = (build: (name: Name, shape: readonly number[]) => tf.Tensor) =>
      Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [
          name,
          tf.tidy(() => build(name as Name, shape).variable()),
        ]),
      ) as { [N in Name]: tf.Variable };
    this.#weights = make((name, shape) => {
      const inputs = shape.slice(0, -1).reduce((product, n) => product * n);
      const deviation = Math.sqrt(2 / inputs) * (last.includes(name) ? lastScale : 1);
      const values = Float32Array.from({ length: inputs * shape.at(-1)! }, () => deviation * normal(random));
      return tf.tensor(values, [...shape]);
    });
    this.#biases = make((name, shape) => tf.zeros([shape.at(-1)! / (name.startsWith('up') ? 4 : 1)]));
  }

  get variables(): tf.Variable[] {
    return [...Object.values(this.#weights), ...Object.values(this.#biases)];
  }

  /** What all branches share, from crops [R, 28, 28, 1]. */
  features(crops: tf.Tensor4D): Features {
    const at28 = this.#convolve('conv1', crops);
    const at14 = this.#convolve('conv2', tf.maxPool(at28, 2, 2, 'valid'));
    const at7 = this.#convolve('conv3', tf.maxPool(at14, 2, 2, 'valid'));
    return { at28, at14, at7 };
  }

  classify({ at7 }: Features): { readonly classLogits: tf.Tensor2D; readonly boxDeltas: tf.Tensor3D } {
    const flat = at7.reshape([at7.shape[0], -1]) as tf.Tensor2D;
    const hidden = tf.relu(this.#dense('hidden', flat));
    return {
      classLogits: this.#dense('class', hidden),
      boxDeltas: this.#dense('box', hidden).reshape([-1, foregroundClasses, 4]),
    };
  }

  /** Mask logits of the first `count` RoIs. */
  segment({ at28, at14, at7 }: Features, count: number): tf.Tensor4D {
    const first = (x: tf.Tensor4D) => (x.shape[0] === count ? x : tf.slice(x, 0, count));
    const up1 = this.#upsample('up1', this.#convolve('mask1', first(at7)), first(at14));
    const up2 = this.#upsample('up2', this.#convolve('mask2', up1), first(at28));
    return this.#dense('mask', up2.reshape([-1, up2.shape[3]])).reshape([
      count,
      side,
      side,
      foregroundClasses,
    ]);
  }

  dispose(): void {
    tf.dispose(this.variables);
  }

  #convolve(name: Name, x: tf.Tensor4D): tf.Tensor4D {
    return tf.relu(tf.add(convolve(x, this.#weights[name] as unknown as tf.Tensor4D), this.#biases[name]));
  }

  #dense(name: Name, x: tf.Tensor2D): tf.Tensor2D {
    return tf.add(dense(x, this.#weights[name] as unknown as tf.Tensor2D), this.#biases[name]);
  }

  /** With the finer features added. */
  #upsample(name: Name, x: tf.Tensor4D, finer: tf.Tensor4D): tf.Tensor4D {
    const up = upsample(x, this.#weights[name] as unknown as tf.Tensor2D);
    return tf.relu(tf.addN([tf.add(up, this.#biases[name]), finer])) as tf.Tensor4D;
  }
}
