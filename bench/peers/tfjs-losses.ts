import type * as tfjs from '@tensorflow/tfjs';
import type { BoxLossOptions, ClassLossOptions, MaskLossOptions, TermOptions } from 'roi-loss';
import type { FusedInputs, FusedLosses, FusedOptions } from 'roi-loss/tfjs';
import { sharesOf } from '../../lib/reference/mask';

// The losses in plain TensorFlow.js, as one usually writes them: `tf.losses` where they have the loss, and gradients by
// differentiation. What `roi-loss/tfjs` is measured against and checked with. Two things that there is no simple way to
// write are left out: class probabilities, and class weights together with label smoothing.

type Tf = typeof tfjs;
type Tensor = tfjs.Tensor;
type Options<T> = Omit<T, 'grad' | 'gradScale' | 'backward' | 'metrics'>;

/** [R], 1 for labels of at least `least`, else 0. */
const labelled = (tf: Tf, labels: Tensor, least: number): Tensor =>
  tf.cast(tf.greaterEqual(labels, tf.scalar(least, 'int32')), 'float32');

/** [R, depth]; zeros for labels that are none of these classes. On wasm tf.oneHot cannot make floats itself. */
const oneHotOf = (tf: Tf, labels: Tensor, depth: number): Tensor =>
  tf.cast(tf.oneHot(labels, depth), 'float32');

/**
 * The label's channel, by a product with a one-hot: the gradient of tf.gather takes seconds. Zeros for labels that have
 * none.
 */
function pick(tf: Tf, x: Tensor, labels: Tensor, classes: number, axis: number): Tensor {
  const channels = x.shape[axis]!;
  if (channels === 1) return tf.squeeze(x, [axis]);
  const first = tf.scalar(classes - channels, 'int32');
  const oneHot = oneHotOf(tf, tf.sub(labels, first), channels);
  const shape = x.shape.map((size, i) => (i === 0 || i === axis ? size : 1));
  return tf.sum(tf.mul(x, tf.reshape(oneHot, shape)), axis);
}

/** One loss for each RoI, [R], where `counted` is not 0, and their sum by the rules of reduction. */
function reduce(tf: Tf, losses: Tensor, counted: Tensor, count: Tensor, options: Options<TermOptions>) {
  const { reduction = 'mean', weight = 1, normalizer } = options;
  const weighted = tf.mul(tf.mul(losses, counted), weight);
  if (reduction === 'none') return { loss: weighted, sum: tf.sum(weighted) };
  const sum = tf.sum(weighted);
  // Nothing to count is a loss of 0.
  const loss = reduction === 'sum' ? sum : tf.div(sum, normalizer ?? tf.maximum(tf.sum(count), 1e-12));
  return { loss, sum: loss };
}

function classLoss(tf: Tf, logits: Tensor, labels: Tensor, options: Options<ClassLossOptions>) {
  const { classWeights, labelSmoothing } = options;
  const oneHot = oneHotOf(tf, labels, logits.shape[1]!);
  const losses = tf.losses.softmaxCrossEntropy(
    oneHot,
    logits,
    undefined,
    labelSmoothing,
    tf.Reduction.NONE,
  ) as Tensor;
  const counted = classWeights
    ? tf.sum(tf.mul(oneHot, tf.tensor1d(classWeights)), 1)
    : labelled(tf, labels, 0);
  return reduce(tf, losses, counted, counted, options);
}

function boxLoss(
  tf: Tf,
  deltas: Tensor,
  targets: Tensor,
  labels: Tensor,
  classes: number,
  options: Options<BoxLossOptions>,
) {
  const { beta = 1 } = options;
  const picked = pick(tf, tf.reshape(deltas, [deltas.shape[0]!, -1, 4]), labels, classes, 1);
  const m = tf.abs(tf.sub(picked, targets));
  // As tf.losses.huberLoss has it; a comparison has no gradient.
  const low = tf.minimum(m, beta);
  const smooth = beta === 0 ? m : tf.add(tf.mul(tf.square(low), 0.5 / beta), tf.sub(m, low));
  return reduce(tf, tf.sum(smooth, 1), labelled(tf, labels, 1), labelled(tf, labels, 0), options);
}

/** [P], of a kind alone. */
function maskLossOf(tf: Tf, kind: string, z: Tensor, y: Tensor, options: Options<MaskLossOptions>): Tensor {
  const { smoothing = 0.05, eps = 1e-6 } = options;
  const pixels = [1, 2];
  if (kind === 'dice') {
    const p = tf.sigmoid(z);
    const overlap = tf.add(tf.mul(tf.sum(tf.mul(p, y), pixels), 2), eps);
    const total = tf.add(tf.add(tf.sum(p, pixels), tf.sum(y, pixels)), eps);
    return tf.sub(1, tf.div(overlap, total));
  }
  const s = kind === 'smoothed-bce' ? smoothing : 0;
  return tf.mean(tf.losses.sigmoidCrossEntropy(y, z, undefined, s, tf.Reduction.NONE) as Tensor, pixels);
}

function maskLoss(
  tf: Tf,
  logits: Tensor,
  targets: Tensor,
  labels: Tensor,
  { classes, layout }: { readonly classes: number; readonly layout: string },
  options: Options<MaskLossOptions>,
) {
  const z = pick(tf, logits, labels, classes, layout === 'nhwc' ? 3 : 1);
  const y = tf.cast(targets, 'float32');
  const losses = sharesOf(options).map(({ name, weight, options: own }) =>
    tf.mul(maskLossOf(tf, name, z, y, own), weight),
  );
  const foreground = labelled(tf, labels, 1);
  return reduce(tf, tf.addN(losses), foreground, foreground, options);
}

/** As `fusedLoss` of `roi-loss/tfjs`, with the same inputs, options and results. */
export function plainLoss<I extends FusedInputs>(
  tf: Tf,
  inputs: I,
  { class: ofClass, box, mask, classes: given, layout = 'nhwc', ...shared }: Options<FusedOptions> = {},
): FusedLosses<I> {
  return tf.tidy(() => {
    const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels } = inputs;
    const maskLabels = inputs.maskLabels ?? labels;
    const classes = given ?? classLogits?.shape[1] ?? Number.NaN;
    const terms = {
      ...(classLogits && labels && { class: classLoss(tf, classLogits, labels, { ...shared, ...ofClass }) }),
      ...(boxDeltas &&
        boxTargets &&
        labels && { box: boxLoss(tf, boxDeltas, boxTargets, labels, classes, { ...shared, ...box }) }),
      ...(maskLogits &&
        maskTargets &&
        maskLabels && {
          mask: maskLoss(
            tf,
            maskLogits,
            maskTargets,
            maskLabels,
            { classes, layout },
            { ...shared, ...mask },
          ),
        }),
    };
    const total = tf.addN(Object.values(terms).map(({ sum }) => sum));
    const losses = Object.entries(terms).map(([term, { loss }]) => [term, loss] as const);
    return { total, ...Object.fromEntries(losses) } as FusedLosses<I>;
  });
}
