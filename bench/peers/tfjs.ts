import type * as TensorFlow from '@tensorflow/tfjs';
import type { LossInputs } from 'roi-loss';
import { type Case, maskSizeOf } from '../cases';
import { gradNames } from '../inputs';
import type { Outcome } from '../outcome';
import type { Timing } from '../statistics';
import { type Effort, race } from '../timing';

// The losses in TensorFlow.js, with gradients, as one usually writes them: `tf.losses` where they have the loss. One
// thread. Its sums are float32 in one chain, so what it computes agrees less than others do.

export const howToInstall = 'npm i --no-save @tensorflow/tfjs @tensorflow/tfjs-backend-wasm';
export const backends = ['cpu', 'wasm'] as const;

/** Dense gradients of many classes take it seconds. */
const mostLogits = 2 ** 22;

type Tf = typeof TensorFlow;
type Tensor = TensorFlow.Tensor;
type Named = { readonly [name: string]: Tensor };

/** Undefined where it is not installed. */
export async function loadTfjs(): Promise<Tf | undefined> {
  try {
    const tf = await import('@tensorflow/tfjs');
    await import('@tensorflow/tfjs-backend-wasm');
    tf.env().set('PROD', true);
    return tf;
  } catch {
    return undefined;
  }
}

function maskLoss(tf: Tf, kind: string, logits: Tensor, targets: Tensor): Tensor {
  if (kind === 'bce') return tf.losses.sigmoidCrossEntropy(targets, logits);
  if (kind === 'smoothed-bce') return tf.losses.sigmoidCrossEntropy(targets, logits, undefined, 0.05);
  const p = tf.sigmoid(logits);
  const overlap = tf.sum(tf.mul(p, targets), 1).mul(2).add(1e-6);
  const total = tf.sum(p, 1).add(tf.sum(targets, 1)).add(1e-6);
  return tf.sub(1, overlap.div(total)).mean();
}

/** The label's channel of [n·C, width], by a product with a one-hot: the gradient of tf.gather takes seconds. */
function pick(tf: Tf, rows: Tensor, labels: Int32Array, classes: number): Tensor {
  const oneHot = tf.oneHot(tf.tensor1d(labels, 'int32'), classes).reshape([labels.length, classes, 1]);
  return tf.sum(tf.mul(rows.reshape([labels.length, classes, rows.shape[1]!]), oneHot), 1);
}

function totalLoss(tf: Tf, spec: Case, inputs: LossInputs, t: Named): Tensor {
  const { rois, classes, maskRois = rois } = spec.sizes;
  const labels = inputs.labels as Int32Array;
  const terms: Tensor[] = [];
  if (t.classLogits)
    terms.push(
      tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), t.classLogits),
    );
  if (t.boxDeltas && t.boxTargets) {
    const foreground = tf.tensor2d(
      Float32Array.from(labels, (label) => Math.min(label, 1)),
      [rois, 1],
    );
    const m = tf.abs(tf.sub(pick(tf, t.boxDeltas, labels, classes), t.boxTargets).mul(foreground));
    // As tf.losses.huberLoss has it; a comparison has no gradient.
    const beta = spec.options.box?.beta ?? 1;
    const low = tf.minimum(m, beta);
    const smooth =
      beta === 0
        ? m
        : tf
            .square(low)
            .mul(0.5 / beta)
            .add(m.sub(low));
    terms.push(tf.sum(smooth).div(rois));
  }
  if (t.maskLogits && t.maskTargets) {
    const isPicked = t.maskLogits.shape[0] === maskRois;
    const picked = isPicked ? t.maskLogits : pick(tf, t.maskLogits, labels.subarray(0, maskRois), classes);
    const { kind = 'bce', weight = 1 } = spec.options.mask ?? {};
    for (const [name, share] of Object.entries(typeof kind === 'string' ? { [kind]: 1 } : kind))
      terms.push(maskLoss(tf, name, picked, t.maskTargets).mul(share * weight));
  }
  return terms.reduce((sum, term) => tf.add(sum, term));
}

/**
 * Undefined where the backend lacks a kernel that the case needs, or the case is too large for it.
 */
export async function measureTfjs(
  tf: Tf,
  backend: (typeof backends)[number],
  spec: Case,
  inputs: LossInputs,
  effort: Effort,
): Promise<{ readonly outcome: Outcome; readonly timing: Timing } | undefined> {
  if ((inputs.maskLogits?.length ?? 0) > mostLogits) return undefined;
  await tf.setBackend(backend);
  const [height, width] = maskSizeOf(spec);
  const columns: { readonly [name: string]: number } = {
    classLogits: spec.sizes.classes,
    boxDeltas: 4,
    boxTargets: 4,
    maskLogits: height * width,
    maskTargets: height * width,
  };
  const tensors: { [name: string]: TensorFlow.Tensor2D } = {};
  for (const [name, n] of Object.entries(columns)) {
    const array = inputs[name as keyof LossInputs] as Float32Array | undefined;
    if (array) tensors[name] = tf.tensor2d(array, [array.length / n, n]);
  }
  const names = gradNames(inputs);
  const step = () =>
    tf.tidy(() => {
      const gradient = tf.valueAndGrads((...leaves: Tensor[]) => {
        const leavesByName = Object.fromEntries(names.map((name, i) => [name, leaves[i]!]));
        return totalLoss(tf, spec, inputs, { ...tensors, ...leavesByName }) as TensorFlow.Scalar;
      });
      const { value, grads } = gradient(names.map((name) => tensors[name]!));
      return {
        loss: value.dataSync()[0]!,
        grads: Object.fromEntries(names.map((name, i) => [name, grads[i]!.dataSync() as Float32Array])),
      };
    });
  try {
    const { [backend]: timing } = race({ [backend]: step }, effort);
    return { outcome: step(), timing: timing! };
  } catch (error) {
    if (/not registered for backend/.test((error as Error).message)) return undefined;
    throw error;
  } finally {
    tf.dispose(tensors);
  }
}
