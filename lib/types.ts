// `Disposable` and `Symbol.dispose`, for projects whose `lib` does not name them.
/// <reference lib="esnext.disposable" preserve="true" />

import type { Crop, Targets } from './input-types';

export type * from './input-types';

/** Element types of device memory. On the host, `float16` and `bfloat16` are `Uint16Array`s of bits. */
export type DType = 'float32' | 'float16' | 'bfloat16' | 'uint8' | 'int32';

/** The element types of logits, deltas and their gradients. */
export type FloatType = 'float32' | 'float16' | 'bfloat16';

/** What a tensor of any {@link DType} is read into. */
export type HostArray = Float32Array | Uint16Array | Uint8Array | Int32Array;

/** A `Float16Array`, where the runtime has it. */
export interface HalfArray {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly length: number;
  readonly [Symbol.toStringTag]: 'Float16Array';
}

/** What a tensor is written from: a `Float16Array` too, if it is of float16. */
export type Written = HostArray | HalfArray;

/**
 * How the losses of the RoIs become one number.
 *
 * - `mean`: their sum, divided by the number of RoIs that count: for the class loss all that are not ignored (by the
 *   sum of their weights where `classWeights` are given, as PyTorch's `cross_entropy`), for the box loss the same,
 *   background included (the Fast R-CNN convention), for the mask loss the foreground RoIs.
 * - `sum`: their sum. A RoI's mask loss is its mean over pixels.
 * - `none`: the losses come back one by one as `perRoi`; `loss` is their sum, and the gradient is the gradient of that.
 */
export type Reduction = 'mean' | 'sum' | 'none';

/** The class losses. */
export type ClassKind = 'softmax';

/** The box losses. */
export type BoxKind = 'smooth-l1';

/** The mask losses, and the options of {@link MaskLossOptions} that each has. Sums are over the pixels of a RoI. */
export interface MaskKindOptions {
  /** Mean over pixels of max(z, 0) − z·y + log(1 + e^−|z|); gradient σ(z) − y. He et al., Mask R-CNN, 2017. */
  readonly bce: never;
  /**
   * 1 − (2 Σσ(z)y + ε) / (Σσ(z) + Σy + ε). Sudre et al., Generalised Dice Overlap as a Deep Learning Loss Function, 2017;
   * V-Net's (Milletari et al., 2016) has squares in the denominator.
   */
  readonly dice: 'eps';
  /** `bce` against y·(1 − s) + s/2. Szegedy et al., Rethinking the Inception Architecture, 2016. */
  readonly 'smoothed-bce': 'smoothing';
  /**
   * 1 − (TP + ε) / (TP + α·FP + β·FN + ε), with TP = Σσ(z)y, FP = Σσ(z)(1 − y), FN = Σ(1 − σ(z))y. α = β = ½ is dice with
   * 2ε, α = β = 1 is Jaccard. Salehi et al., Tversky Loss Function for Image Segmentation, 2017.
   */
  readonly tversky: 'alpha' | 'beta' | 'eps';
}

/** The names of the mask losses. */
export type MaskKind = keyof MaskKindOptions;

/**
 * A weighted sum of mask losses, computed in one pass, e.g. `{ dice: 0.5, 'smoothed-bce': 0.5 }`. In place of its weight a
 * loss may have an object of its weight and its own options: `{ bce: 1, dice: { weight: 0.5, eps: 1 } }`. They win over
 * those of the term.
 */
export type MaskMixture = {
  readonly [K in MaskKind]?:
    | number
    | ({ readonly weight: number } & Pick<MaskLossOptions, MaskKindOptions[K]>)
    | undefined;
};

/** Memory order of `maskLogits` and its gradient: [P, C, H, W], or [P, H, W, C] as TensorFlow.js makes it. */
export type Layout = 'nchw' | 'nhwc';

/** The gradient of `maskLogits`: `dense` has its shape, `compact` is [P, H, W], the label's channel alone. */
export type MaskGrad = 'dense' | 'compact';

/** What every term takes. In a call of `fusedLoss` these may stand at the top, for all terms; a term's own wins. */
export interface TermOptions {
  /** Default `'mean'`. */
  readonly reduction?: Reduction | undefined;
  /** Replaces the count that `mean` divides by (data-parallel training, where the count is global). Positive. */
  readonly normalizer?: number | undefined;
  /** Scales the term: loss and gradient. Default 1. */
  readonly weight?: number | undefined;
  /** Scales the gradient alone (loss scaling of mixed-precision training). Default 1. */
  readonly gradScale?: number | undefined;
  /** `false` computes the loss alone and leaves gradients untouched. Default `true`. */
  readonly grad?: boolean | undefined;
  /**
   * The upstream gradient that the term's gradient is multiplied by: a scalar, or with `reduction: 'none'` one number
   * a RoI ([R]; for the mask loss [P]). Default 1.
   */
  readonly backward?: number | Float32Array | undefined;
  /** Count what detection trainers log, in the same pass. See {@link ClassMetrics}, {@link MaskMetrics}. */
  readonly metrics?: boolean | undefined;
}

export interface ClassLossOptions extends TermOptions {
  /** Default, and the only one: `'softmax'`. */
  readonly kind?: ClassKind | undefined;
  /** [C], non-negative: the weight of each class, as PyTorch's `cross_entropy(weight=)`. */
  readonly classWeights?: Float32Array | undefined;
  /** In [0, 1]: the share of the target distribution spread evenly over all classes. Default 0. */
  readonly labelSmoothing?: number | undefined;
  /** Lower bound of a probability before its logarithm; from 2^-126 on. Default 1e-12. An error without `classProbs`. */
  readonly eps?: number | undefined;
}

export interface BoxLossOptions extends TermOptions {
  /** Default, and the only one: `'smooth-l1'`. */
  readonly kind?: BoxKind | undefined;
  /**
   * What the deltas (x, y, w, h) of boxes are multiplied by where targets are encoded from `gtBoxes`. Default [10, 10, 5, 5].
   * An error with `boxTargets`.
   */
  readonly deltaWeights?: readonly [number, number, number, number] | undefined;
  /** Where smooth L1 turns from quadratic to linear, in units of the deltas. 0 is L1. Default 1. */
  readonly beta?: number | undefined;
}

export interface MaskLossOptions extends TermOptions {
  /** Default `'detectron2'`. An error without `gtMasks`. */
  readonly crop?: Crop | undefined;
  /** Default `'bce'`. */
  readonly kind?: MaskKind | MaskMixture | undefined;
  /** Label smoothing s of `smoothed-bce`, in [0, 1]: targets become y·(1 − s) + s/2. Default 0.05. An error without it. */
  readonly smoothing?: number | undefined;
  /** Weight α of false positives in `tversky`, from 0 on. Default 0.3. An error without it. */
  readonly alpha?: number | undefined;
  /** Weight β of false negatives in `tversky`, from 0 on. Default 0.7. An error without it. */
  readonly beta?: number | undefined;
  /** Added to numerator and denominator of `dice` and `tversky`; from 2^-126 on. Default 1e-6. An error without them. */
  readonly eps?: number | undefined;
}

export interface HostMaskOptions {
  /** [H, W], the height and width of a mask in pixels. Default [28, 28]. */
  readonly maskSize?: readonly [number, number] | undefined;
  /** [Hi, Wi], the height and width of `gtMasks` in pixels. */
  readonly imageSize?: readonly [number, number] | undefined;
  /** Default `'nchw'`. */
  readonly layout?: Layout | undefined;
  /** Default `'dense'`. */
  readonly maskGrad?: MaskGrad | undefined;
}

/**
 * An array for the gradient, of its length. The call fills it and returns it as `grad`.
 *
 * Of boxes and masks a step writes the channels of the labels and leaves zeros in the others. Which channels it wrote to an
 * array is remembered, and the next call with that array clears those alone: it costs about what a step on handles costs. The
 * price is a rule: between calls nobody else writes to the array. One that was written to is right again after
 * `array.fill(0)`. It must not share memory with the inputs; what it holds after an error is not defined.
 */
export interface OutOption {
  readonly out?: Float32Array | undefined;
}

/** The same of `fusedLoss`: arrays by the input's name, returned in `grads`. Gradients that have none get new arrays. */
export interface OutOptions {
  readonly out?: { readonly [K in GradName]?: Float32Array | undefined } | undefined;
}

/** Options of `fusedLoss`: those of {@link TermOptions} at the top hold for every term that has none of its own. */
export interface FusedLossOptions extends TermOptions {
  readonly class?: ClassLossOptions | undefined;
  readonly box?: BoxLossOptions | undefined;
  readonly mask?: MaskLossOptions | undefined;
}

/**
 * Shares in [0, 1]; 0 where there is nothing to count. As detectron2 logs them (`_log_classification_stats`), whose
 * background is the last class: where several scores are the highest, the first foreground class of them is predicted, and
 * background only where it is above all others. RoIs that are ignored are not counted. A RoI with a NaN among its scores,
 * whose loss is NaN, counts in some way or other.
 */
export interface ClassMetrics {
  /** RoIs whose label is predicted, over RoIs that are not ignored. */
  readonly classAccuracy: number;
  /** The same over foreground RoIs. */
  readonly foregroundAccuracy: number;
  /** Foreground RoIs taken for background, over foreground RoIs. */
  readonly falseNegatives: number;
}

/**
 * Shares of pixels of foreground RoIs in [0, 1]; 0 where there is nothing to count. As detectron2 logs them
 * (`mask_rcnn_loss`): a pixel is predicted foreground where its logit is above 0, and is foreground where its target is
 * above ½.
 */
export interface MaskMetrics {
  /** Pixels predicted right, over all. */
  readonly pixelAccuracy: number;
  /** Background pixels predicted foreground, over background pixels. */
  readonly falsePositives: number;
  /** Foreground pixels predicted background, over foreground pixels. */
  readonly falseNegatives: number;
}

/** An option `grad` whose type is `G`: whether there are gradients follows from it. */
export interface GradOption<G> {
  readonly grad?: G;
}

interface Gradient {
  /** The gradient of the term with respect to its logits, probabilities or deltas, laid out as they are. Absent with
   * `grad: false`. */
  readonly grad: Float32Array;
}

/** The result of one term on host arrays. `G` is the type of the option `grad`, `M` that of the metrics. */
export type TermResult<M = never, G = true> = TermLoss<M> &
  ([G] extends [false] ? unknown : [G] extends [true | undefined] ? Gradient : Partial<Gradient>);

/** What there is of a term with and without gradient. */
export interface TermLoss<M> {
  /** The reduced loss, `weight` included. */
  readonly loss: number;
  /** [R] (mask: [P]), 0 for RoIs that do not count. With `reduction: 'none'` only. */
  readonly perRoi?: Float32Array;
  /** With `metrics: true` only. */
  readonly metrics?: M;
  /** With `targets: true` only. */
  readonly targets?: Targets;
}

/** The losses of the terms, weights included, and their sum. A term that was left out is 0. */
export interface Losses {
  readonly total: number;
  readonly class: number;
  readonly box: number;
  readonly mask: number;
}

/** The inputs that have a gradient, which has the input's name. */
export type GradName = 'classLogits' | 'classProbs' | 'boxDeltas' | 'maskLogits';

/** The term whose gradient it is. */
export type TermOf = { classLogits: 'class'; classProbs: 'class'; boxDeltas: 'box'; maskLogits: 'mask' };

/** The options `grad` of the terms, whose types are `C`, `B` and `M`. */
export interface GradOptions<C, B, M> {
  readonly class?: GradOption<C> | undefined;
  readonly box?: GradOption<B> | undefined;
  readonly mask?: GradOption<M> | undefined;
}

/** The names among `K` whose gradient is there for certain: for all, or for the term alone, `grad` is not `false`. */
type Certain<K extends GradName, G> = {
  [N in K]: [G[TermOf[N] & keyof G]] extends [true | undefined] ? N : never;
}[K];
type Possible<K extends GradName, G> = {
  [N in K]: [G[TermOf[N] & keyof G]] extends [false] ? never : N;
}[K];

/** A gradient for each of the inputs that have one. `G` has the type of `grad` for each term. */
export type Grads<I, G> = { readonly [N in Certain<keyof I & GradName, G>]: Float32Array } & {
  readonly [N in Exclude<Possible<keyof I & GradName, G>, Certain<keyof I & GradName, G>>]?: Float32Array;
};

/** The type of a term's `grad`: its own, or that of all where it has none. */
export type OwnGrad<All, Own> = Exclude<Own, undefined> | (undefined extends Own ? All : never);

export interface PerRoi {
  /** [R] */
  readonly class?: Float32Array;
  /** [R] */
  readonly box?: Float32Array;
  /** [P] */
  readonly mask?: Float32Array;
}

export interface Metrics {
  readonly class?: ClassMetrics;
  readonly mask?: MaskMetrics;
}

/** The result of `fusedLoss` on host arrays. `G` has the type of the option `grad` for each term. */
export interface LossResult<I, G = { class: true; box: true; mask: true }> {
  readonly losses: Losses;
  /** One gradient for each of the inputs that have one, under the input's name. None of a term with `grad: false`. */
  readonly grads: Grads<I, G>;
  /** For the terms whose reduction is `'none'`. */
  readonly perRoi?: PerRoi;
  /** With `metrics: true` only. */
  readonly metrics?: Metrics;
  /** With `targets: true` only. */
  readonly targets?: Targets;
}
