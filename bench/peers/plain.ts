import type {
  BoxLossOptions,
  ClassLossOptions,
  FusedLossOptions,
  Losses,
  LossInputs,
  MaskLossOptions,
} from 'roi-loss';
import { sharesOf } from '../../lib/reference/mask';

// The losses as somebody who knows JavaScript well would write them by hand: one loop each over typed arrays, gradients
// into arrays made once a call. `mean` reduction and the options the benchmarks use.

export interface PlainTerm {
  readonly loss: number;
  readonly grad: Float32Array;
}

const channelOf = (label: number, channels: number, classes: number) =>
  channels === classes ? label : channels === 1 ? 0 : label - 1;

function countAtLeast(labels: Int32Array, least: number): number {
  let count = 0;
  for (let r = 0; r < labels.length; r++) if ((labels[r] as number) >= least) count++;
  return count;
}

export function plainClassLoss(
  logits: Float32Array,
  labels: Int32Array,
  options: ClassLossOptions = {},
): PlainTerm {
  const rois = labels.length;
  const classes = logits.length / rois;
  const grad = new Float32Array(logits.length);
  const scale = (options.weight ?? 1) / Math.max(1, countAtLeast(labels, 0));
  let loss = 0;
  for (let r = 0; r < rois; r++) {
    const label = labels[r] as number;
    if (label < 0) continue;
    const row = r * classes;
    let max = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) max = Math.max(max, logits[row + c] as number);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const e = Math.exp((logits[row + c] as number) - max);
      grad[row + c] = e;
      sum += e;
    }
    loss += Math.log(sum) - ((logits[row + label] as number) - max);
    const factor = scale / sum;
    for (let c = 0; c < classes; c++) grad[row + c] = (grad[row + c] as number) * factor;
    grad[row + label] = (grad[row + label] as number) - scale;
  }
  return { loss: loss * scale, grad };
}

export function plainBoxLoss(
  deltas: Float32Array,
  targets: Float32Array,
  labels: Int32Array,
  classes: number,
  options: BoxLossOptions = {},
): PlainTerm {
  const rois = labels.length;
  const channels = deltas.length / (rois * 4);
  const beta = options.beta ?? 1;
  const grad = new Float32Array(deltas.length);
  const scale = (options.weight ?? 1) / Math.max(1, countAtLeast(labels, 0));
  let loss = 0;
  for (let r = 0; r < rois; r++) {
    const label = labels[r] as number;
    if (label < 1) continue;
    const row = (r * channels + channelOf(label, channels, classes)) * 4;
    for (let i = 0; i < 4; i++) {
      const d = (deltas[row + i] as number) - (targets[r * 4 + i] as number);
      const m = Math.abs(d);
      loss += m < beta ? (0.5 * d * d) / beta : m - 0.5 * beta;
      grad[row + i] = scale * (m < beta ? d / beta : Math.sign(d));
    }
  }
  return { loss: loss * scale, grad };
}

/** The mask losses that peers have. */
export const peerKinds: readonly string[] = ['bce', 'dice', 'smoothed-bce'];

export function plainMaskLoss(
  logits: Float32Array,
  targets: Float32Array | Uint8Array,
  labels: Int32Array,
  classes: number,
  pixels: number,
  options: MaskLossOptions = {},
): PlainTerm {
  const { smoothing = 0.05, eps = 1e-6 } = options;
  const weightOf = (kind: string) => sharesOf(options).find(({ name }) => name === kind)?.weight ?? 0;
  const weights = { bce: weightOf('bce'), dice: weightOf('dice'), 'smoothed-bce': weightOf('smoothed-bce') };
  // bce and its smoothed form are both linear in the target.
  const crossEntropy = weights.bce + weights['smoothed-bce'];
  const smooth = crossEntropy > 0 ? (smoothing * weights['smoothed-bce']) / crossEntropy : 0;
  const rois = labels.length;
  const channels = logits.length / (rois * pixels);
  const grad = new Float32Array(logits.length);
  const scale = (options.weight ?? 1) / Math.max(1, countAtLeast(labels, 1));
  let loss = 0;
  for (let p = 0; p < rois; p++) {
    const label = labels[p] as number;
    if (label < 1) continue;
    const row = (p * channels + channelOf(label, channels, classes)) * pixels;
    let entropy = 0;
    let intersection = 0;
    let total = 0;
    for (let i = 0; i < pixels; i++) {
      const z = logits[row + i] as number;
      const y = targets[p * pixels + i] as number;
      const e = Math.exp(-Math.abs(z));
      const s = z >= 0 ? 1 / (1 + e) : e / (1 + e);
      const target = y * (1 - smooth) + 0.5 * smooth;
      if (crossEntropy > 0) entropy += Math.max(z, 0) - z * target + Math.log1p(e);
      intersection += s * y;
      total += s + y;
      grad[row + i] = weights.dice > 0 ? s : (scale * crossEntropy * (s - target)) / pixels;
    }
    loss += (crossEntropy * entropy) / pixels;
    if (weights.dice === 0) continue;
    const numerator = 2 * intersection + eps;
    const denominator = total + eps;
    loss += weights.dice * (1 - numerator / denominator);
    for (let i = 0; i < pixels; i++) {
      const s = grad[row + i] as number;
      const y = targets[p * pixels + i] as number;
      const target = y * (1 - smooth) + 0.5 * smooth;
      const dice = (s * (1 - s) * (numerator / denominator - 2 * y)) / denominator;
      grad[row + i] = scale * (weights.dice * dice + (crossEntropy * (s - target)) / pixels);
    }
  }
  return { loss: loss * scale, grad };
}

/** The terms whose inputs are given. */
export function plainLoss(
  inputs: LossInputs,
  options: FusedLossOptions & { readonly classes: number; readonly maskSize: readonly [number, number] },
): { losses: Losses; grads: { [name: string]: Float32Array } } {
  const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets } = inputs;
  const labels = inputs.labels as Int32Array;
  const { classes, maskSize } = options;
  const grads: { [name: string]: Float32Array } = {};
  const take = (name: string, term: PlainTerm) => {
    grads[name] = term.grad;
    return term.loss;
  };
  const classLoss = classLogits ? take('classLogits', plainClassLoss(classLogits, labels, options.class)) : 0;
  const box =
    boxDeltas && boxTargets
      ? take('boxDeltas', plainBoxLoss(boxDeltas, boxTargets, labels, classes, options.box))
      : 0;
  const maskLabels = inputs.maskLabels ?? labels;
  const mask =
    maskLogits && maskTargets
      ? take(
          'maskLogits',
          plainMaskLoss(
            maskLogits,
            maskTargets,
            maskLabels,
            classes,
            maskSize[0] * maskSize[1],
            options.mask,
          ),
        )
      : 0;
  return { losses: { total: classLoss + box + mask, class: classLoss, box, mask }, grads };
}
