import type * as tfjs from '@tensorflow/tfjs-core';
import type { Device } from '../device';
import type {
  BoxLossOptions,
  ClassLossOptions,
  GradName,
  Layout,
  MaskLossOptions,
  Polygons,
  TermOf,
  TermOptions,
} from '../types';

/** What TensorFlow.js sees to itself: the upstream gradient comes from it, and a loss is a tensor, without counters. */
type Elsewhere = 'backward' | 'metrics';

export interface RoiLossesOptions {
  /** The device that computes. Default: the CPU. */
  readonly device?: Device | string | undefined;
}

/** Options of calls that have no class logits, which would tell C. */
export interface ClassesOption {
  /** C, the number of classes including background. */
  readonly classes?: number | undefined;
}

export interface LayoutOption {
  /** Memory order of `maskLogits`. Default `'nhwc'`, which is what convolutions of TensorFlow.js make. */
  readonly layout?: Layout | undefined;
}

export type ClassOptions = Omit<ClassLossOptions, Elsewhere>;
export type BoxOptions = Omit<BoxLossOptions, Elsewhere> & ClassesOption;
export type MaskOptions = Omit<MaskLossOptions, Elsewhere> & ClassesOption & LayoutOption;

/** Those of {@link TermOptions} at the top hold for every term that has none of its own. */
export type FusedOptions = Omit<TermOptions, Elsewhere> &
  ClassesOption &
  LayoutOption & {
    readonly class?: Omit<ClassLossOptions, Elsewhere | 'grad'> | undefined;
    readonly box?: Omit<BoxLossOptions, Elsewhere | 'grad'> | undefined;
    readonly mask?: Omit<MaskLossOptions, Elsewhere | 'grad'> | undefined;
  };

/** What `fusedLoss` takes: the inputs of the terms to compute. A term none of whose inputs is given is left out. */
export interface FusedInputs {
  /** [R, C], scores before softmax. Either these or `classProbs`. */
  readonly classLogits?: tfjs.Tensor | undefined;
  /** [R, C], each row a distribution. Either these or `classLogits`. */
  readonly classProbs?: tfjs.Tensor | undefined;
  /** [R, channels, 4] or [R, channels · 4]; channels is C, C − 1 (foreground classes only) or 1; (x, y, w, h). */
  readonly boxDeltas?: tfjs.Tensor | undefined;
  /** [R, 4]. Rows of RoIs that are not foreground are never read. */
  readonly boxTargets?: tfjs.Tensor | undefined;
  /** [P, H, W, channels]; channels as for boxes. With `layout: 'nchw'` [P, channels, H, W]. */
  readonly maskLogits?: tfjs.Tensor | undefined;
  /** [P, H, W]: float32 in [0, 1], or bool or int32, where anything but 0 is foreground. */
  readonly maskTargets?: tfjs.Tensor | undefined;
  /** [R], int32: 0 is background, −1 is ignored. Of the masks too (then P = R) unless they have their own. */
  readonly labels?: tfjs.Tensor | undefined;
  /** [P], int32: the labels of RoIs that have a mask, where these are not all RoIs. */
  readonly maskLabels?: tfjs.Tensor | undefined;
  /** [R, 4], float32, the RoIs in pixels of their image: (x1, y1, x2, y2). Read of foreground RoIs alone. */
  readonly proposals?: tfjs.Tensor | undefined;
  /** [R], int32, the object of each foreground RoI, from 0 to G − 1. */
  readonly matches?: tfjs.Tensor | undefined;
  /** [G, 4], float32, the boxes of objects, in place of `boxTargets`. */
  readonly gtBoxes?: tfjs.Tensor | undefined;
  /** [G, Hi, Wi], bool or int32, the masks of objects as bitmaps of the image, in place of `maskTargets`. */
  readonly gtMasks?: tfjs.Tensor | undefined;
  /** The same as polygons: `points` [V, 2], float32; `rings` [S + 1] and `objects` [G + 1], int32. */
  readonly gtPolygons?: { readonly [K in keyof Polygons]: tfjs.Tensor } | undefined;
  /** [P, 4] and [P], where masks have `maskLabels`: in place of `proposals` and `matches`. */
  readonly maskProposals?: tfjs.Tensor | undefined;
  readonly maskMatches?: tfjs.Tensor | undefined;
}

/** What box and mask losses take to make their targets from objects. */
type ObjectNames = 'proposals' | 'matches';
type MaskObjectNames = ObjectNames | 'gtMasks' | 'gtPolygons' | 'maskProposals' | 'maskMatches';

/** The loss of each term that was computed, [] (with `reduction: 'none'` [R], for masks [P]), and their sum. */
export type FusedLosses<I> = { readonly total: tfjs.Scalar } & {
  readonly [K in keyof I & GradName as TermOf[K]]: tfjs.Tensor;
};

/**
 * The losses as operations of TensorFlow.js. Each is one fused pass that leaves loss and gradient; the gradient is kept
 * for the backward pass, which multiplies it by the upstream gradient. Where nothing is recorded for a gradient, as in
 * validation, none is computed. Gradients flow to logits, probabilities and deltas; targets and labels have none, and
 * there are no second derivatives. Options and formulas are those of the functions of the same name in `roi-loss`.
 */
export interface RoiLosses {
  /**
   * Class loss: softmax cross-entropy.
   * @param classLogits [R, C], float32
   * @param labels [R], int32: 0 is background, −1 is ignored
   * @returns [], with `reduction: 'none'` [R]
   * @throws `ERR_ROI_LOSS_*`, naming the argument
   */
  fusedClassLoss(classLogits: tfjs.Tensor, labels: tfjs.Tensor, options?: ClassOptions): tfjs.Tensor;
  /** The same of an object, as in `roi-loss`, which may hold `classProbs` instead. */
  fusedClassLoss(
    inputs: Pick<FusedInputs, 'classLogits' | 'classProbs' | 'labels'>,
    options?: ClassOptions,
  ): tfjs.Tensor;
  /**
   * Box loss: smooth L1 of the label's deltas, foreground RoIs only.
   * @param boxDeltas [R, channels, 4] or [R, channels · 4], float32; channels is C, C − 1 or 1
   * @param boxTargets [R, 4], float32
   * @param labels [R], int32
   * @param options `classes` is needed
   * @returns [], with `reduction: 'none'` [R]
   * @throws `ERR_ROI_LOSS_*`, naming the argument
   */
  fusedBoxLoss(
    boxDeltas: tfjs.Tensor,
    boxTargets: tfjs.Tensor,
    labels: tfjs.Tensor,
    options: BoxOptions,
  ): tfjs.Tensor;
  /** The same of an object, as in `roi-loss`. */
  fusedBoxLoss(
    inputs: Pick<FusedInputs, 'boxDeltas' | 'boxTargets' | 'labels' | 'gtBoxes' | ObjectNames>,
    options: BoxOptions,
  ): tfjs.Tensor;
  /**
   * Mask loss over the pixels of the label's channel, foreground RoIs only.
   * @param maskLogits [P, H, W, channels], with `layout: 'nchw'` [P, channels, H, W], float32; channels is C, C − 1 or 1
   * @param maskTargets [P, H, W]: float32 in [0, 1], or bool or int32, where anything but 0 is foreground
   * @param labels [P], int32
   * @param options `classes` is needed
   * @returns [], with `reduction: 'none'` [P]
   * @throws `ERR_ROI_LOSS_*`, naming the argument
   */
  fusedMaskLoss(
    maskLogits: tfjs.Tensor,
    maskTargets: tfjs.Tensor,
    labels: tfjs.Tensor,
    options: MaskOptions,
  ): tfjs.Tensor;
  /** The same of an object, as in `roi-loss`, which may hold `maskLabels` instead of `labels`. */
  fusedMaskLoss(
    inputs: Pick<FusedInputs, 'maskLogits' | 'maskTargets' | 'labels' | 'maskLabels' | MaskObjectNames>,
    options: MaskOptions,
  ): tfjs.Tensor;
  /**
   * L = L_cls + L_box + L_mask, of the terms whose inputs are given, in one pass.
   * @returns `total`, and each term by its name; a gradient may be taken of any of them, and of what is made of them
   * @throws `ERR_ROI_LOSS_*`, naming the argument
   */
  fusedLoss<I extends FusedInputs>(inputs: I, options?: FusedOptions): FusedLosses<I>;
}
