import type * as tfjs from '@tensorflow/tfjs-core';
import { plainError } from '../errors';

/** What is used of TensorFlow.js: of `@tensorflow/tfjs`, `-core` or `-node`. */
export type TensorFlow = Pick<
  typeof tfjs,
  'customGrad' | 'engine' | 'mul' | 'reshape' | 'split' | 'Tensor' | 'tensor' | 'tidy'
>;

/** What a fused pass tells of one term. */
export interface Term {
  /** What the gradient is by, and its name in messages. */
  readonly by: tfjs.Tensor;
  readonly name: string;
  readonly loss: number;
  /** [R], where there is to be a loss for each RoI. */
  readonly perRoi: Float32Array | undefined;
  /** Laid out as `by`; undefined where none was asked for. */
  readonly grad: Float32Array | undefined;
}

/** Whether what runs now is recorded for a gradient. */
export const isRecording = (tf: TensorFlow) => tf.engine().state.gradientDepth > 0;

const sizeOf = ({ perRoi }: Term) => perRoi?.length ?? 1;

/** A term's gradient times the upstream gradients: one for all, or one a RoI. */
function scaled(tf: TensorFlow, grad: tfjs.Tensor, { perRoi }: Term, upstream: Float32Array): tfjs.Tensor {
  if (!perRoi && upstream[0] === 1) return grad.clone();
  const ofRows = grad.shape.map((_, axis) => (axis === 0 ? upstream.length : 1));
  return tf.mul(grad, tf.tensor(upstream, ofRows));
}

function checkDifferentiable(tf: TensorFlow, terms: readonly Term[]): void {
  for (const { grad, name } of terms)
    if (!grad)
      throw plainError(
        'ERR_ROI_LOSS_GRADIENT',
        `the gradient by ${name} is needed of a loss computed with grad: false; expected grad: true`,
      );
  if (isRecording(tf))
    throw plainError(
      'ERR_ROI_LOSS_GRADIENT',
      `the gradient by ${terms[0]?.name} is itself being differentiated; expected first derivatives alone`,
    );
}

/** The total and the losses of the terms, one after another, as one operation whose gradients are known already. */
function rowOf(tf: TensorFlow, terms: readonly Term[]): tfjs.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.at(-1) as tfjs.GradSaveFunc;
    save(terms.flatMap(({ grad, by }) => (grad ? [tf.tensor(grad, by.shape)] : [])));
    const total = terms.reduce((sum, { loss }) => sum + loss, 0);
    const row = [total, ...terms.flatMap(({ perRoi, loss }) => (perRoi ? [...perRoi] : [loss]))];
    const gradFunc = (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => {
      checkDifferentiable(tf, terms);
      const [ofTotal = 0, ...ofLosses] = dy.dataSync();
      return terms.map((term, i) => {
        const upstream = Float32Array.from(ofLosses.splice(0, sizeOf(term)), (x) => x + ofTotal);
        return scaled(tf, saved[i] as tfjs.Tensor, term, upstream);
      });
    };
    return { value: tf.tensor(row), gradFunc };
  });
  return operation(...terms.map(({ by }) => by));
}

/** The loss of each term, [] or [R], and their sum, []. To be called in a `tf.tidy`. */
export function lossesOf(tf: TensorFlow, terms: readonly Term[]) {
  const [total, ...losses] = tf.split(rowOf(tf, terms), [1, ...terms.map(sizeOf)]);
  const scalar = (loss: tfjs.Tensor) => tf.reshape(loss, []) as tfjs.Scalar;
  return {
    total: scalar(total as tfjs.Tensor),
    losses: losses.map((loss, i) => (terms[i]?.perRoi ? loss : scalar(loss))),
  };
}
