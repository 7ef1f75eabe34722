import { Batch } from './batch';
import { writeAll, writeOne } from './calls';
import { checkKeys, checkObject } from './check';
import { typeError } from './errors';
import { type HostOptions, termOnHost, wholeOnHost } from './host';
import { checkLengths, readInputs, shapeOfInputs, termsOf } from './host-shape';
import { knownOptions } from './options';
import { LossStep, TermStep } from './step';
import type { TermName } from './terms';
import type {
  BoxInputs,
  BoxLossOptions,
  ClassInputs,
  ClassLossOptions,
  ClassMetrics,
  FusedLossOptions,
  GradOption,
  GradOptions,
  HostMaskOptions,
  LossInputs,
  LossResult,
  MaskInputs,
  MaskLossOptions,
  MaskMetrics,
  OutOption,
  OutOptions,
  OwnGrad,
  TermResult,
} from './types';

const only = {
  class: { class: true, box: false, mask: false },
  box: { class: false, box: true, mask: false },
  mask: { class: false, box: false, mask: true },
};

/** How inputs are written, for messages. */
const inputsOf = {
  class: 'classLogits, labels',
  box: 'boxDeltas, boxTargets, labels',
  mask: 'maskLogits, maskTargets, labels',
  whole: 'classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels',
};

function termOnArrays(
  term: TermName,
  given: unknown,
  options: HostOptions & HostMaskOptions & Pick<ClassLossOptions, 'classWeights'> & OutOption,
): TermResult<never> {
  const inputs = readInputs(given, inputsOf[term]);
  checkObject('options', options);
  checkKeys('option', options, knownOptions.host[term]);
  const shape = shapeOfInputs(inputs, options, only[term], options);
  checkLengths(inputs, options, shape);
  return termOnHost(term, inputs, shape, options) as TermResult<never>;
}

function termOnBatch(term: TermName, batch: Batch, options: object): TermStep<never> {
  checkObject('options', options);
  checkKeys('option', options, knownOptions.batch[term]);
  const { shape } = batch;
  if (!shape[term])
    throw typeError(
      'ERR_ROI_LOSS_TYPE',
      `batch has no ${term} inputs; expected a batch made with the term '${term}'`,
    );
  const call = batch.row.take();
  try {
    const calls = writeOne(call, term, options, shape);
    return batch.run(call, calls, (numbers, pending, perRoi) =>
      TermStep.create<never>(numbers, pending, perRoi, term),
    );
  } finally {
    batch.row.giveBack(call);
  }
}

/**
 * Class loss: cross-entropy of softmax(`classLogits`), or of `classProbs`, against the labels, with its gradient.
 *
 * Per RoI −log softmax(z)_u, gradient softmax(z) − onehot(u); from probabilities −log p_u, gradient −1/p_u, where p_u is
 * clamped below at `eps`. With `classWeights` and `labelSmoothing` as in PyTorch's `cross_entropy`. Source: Girshick,
 * Fast R-CNN, 2015, section 2.3.
 *
 * @param inputs arrays `classLogits` or `classProbs` [R, C] and `labels` [R], or a batch that holds them
 * @returns on arrays the loss and `grad` [R, C]; on a batch a step, the gradient being in `batch.grads`
 * @throws `ERR_ROI_LOSS_*`, naming the argument, before anything runs; `ERR_ROI_LOSS_VALUE` for a probability that is not
 * from 0 to 1, when the step is done
 */
export function fusedClassLoss<G extends boolean | undefined = true>(
  inputs: ClassInputs,
  options?: ClassLossOptions & HostOptions & OutOption & GradOption<G>,
): TermResult<ClassMetrics, G>;
export function fusedClassLoss(batch: Batch, options?: ClassLossOptions): TermStep<ClassMetrics>;
export function fusedClassLoss(
  inputs: ClassInputs | Batch,
  options: ClassLossOptions & HostOptions & OutOption = {},
): unknown {
  return Batch.is(inputs) ? termOnBatch('class', inputs, options) : termOnArrays('class', inputs, options);
}

/**
 * Box loss: smooth L1 between the label's box deltas and their targets, summed over x, y, w, h, with its gradient.
 *
 * With d = t^u − v: d²/(2β) for |d| < β, else |d| − β/2; foreground RoIs only. `mean` divides by all RoIs that are not
 * ignored, background included. Source: Girshick, Fast R-CNN, 2015, equations 2 and 3; β as in detectron2.
 *
 * @param inputs arrays `boxDeltas` [R, C, 4], [R, C − 1, 4] or [R, 1, 4], `boxTargets` [R, 4] and `labels` [R], or a
 * batch that holds them
 * @param options `classes` is needed with arrays
 * @returns on arrays the loss and `grad`, as `boxDeltas`; on a batch a step, the gradient being in `batch.grads`
 * @throws `ERR_ROI_LOSS_*`, naming the argument, before anything runs
 */
export function fusedBoxLoss<G extends boolean | undefined = true>(
  inputs: BoxInputs,
  options?: BoxLossOptions & HostOptions & OutOption & GradOption<G>,
): TermResult<never, G>;
export function fusedBoxLoss(batch: Batch, options?: BoxLossOptions): TermStep;
export function fusedBoxLoss(
  inputs: BoxInputs | Batch,
  options: BoxLossOptions & HostOptions & OutOption = {},
): unknown {
  return Batch.is(inputs) ? termOnBatch('box', inputs, options) : termOnArrays('box', inputs, options);
}

/**
 * Mask loss over the pixels of the label's channel, foreground RoIs only, with its gradient.
 *
 * Its `kind` is one of {@link MaskKindOptions}, which has their formulas, or a weight for each: their weighted sum, in one
 * pass.
 *
 * @param inputs arrays `maskLogits` [P, C, H, W], [P, C − 1, H, W] or [P, 1, H, W], `maskTargets` [P, H, W] and `labels`
 * [R] or `maskLabels` [P], or a batch that holds them
 * @param options `classes` is needed with arrays; `maskSize` is [28, 28] unless given
 * @returns on arrays the loss and `grad`, as `maskLogits`, or [P, H, W] with `maskGrad: 'compact'`; on a batch a step,
 * the gradient being in `batch.grads`
 * @throws `ERR_ROI_LOSS_*`, naming the argument, before anything runs; `ERR_ROI_LOSS_VALUE` for a target that is not from 0
 * to 1, when the step is done
 */
export function fusedMaskLoss<G extends boolean | undefined = true>(
  inputs: MaskInputs,
  options?: MaskLossOptions & HostOptions & HostMaskOptions & OutOption & GradOption<G>,
): TermResult<MaskMetrics, G>;
export function fusedMaskLoss(batch: Batch, options?: MaskLossOptions): TermStep<MaskMetrics>;
export function fusedMaskLoss(
  inputs: MaskInputs | Batch,
  options: MaskLossOptions & HostOptions & HostMaskOptions & OutOption = {},
): unknown {
  return Batch.is(inputs) ? termOnBatch('mask', inputs, options) : termOnArrays('mask', inputs, options);
}

/**
 * The loss of a Mask R-CNN RoI head, L = L_cls + L_box + L_mask, with all its gradients: the terms of
 * {@link fusedClassLoss}, {@link fusedBoxLoss} and {@link fusedMaskLoss} whose inputs are given, in one step.
 *
 * @param inputs the arrays of the terms to compute, or a batch that holds them
 * @param options `class`, `box` and `mask` for each term; `reduction`, `normalizer`, `weight`, `gradScale`, `grad`,
 * `backward` and `metrics` at the top hold for every term that has none of its own. With arrays, `classes` is needed
 * unless the class logits tell it
 * @returns on arrays the losses and gradients; on a batch a step, the gradients being in `batch.grads`
 * @throws `ERR_ROI_LOSS_*`, naming the argument, before anything runs; `ERR_ROI_LOSS_VALUE` for a mask target or probability
 * that is not from 0 to 1, when the step is done
 */
export function fusedLoss<
  I extends LossInputs,
  G extends boolean | undefined = true,
  C extends boolean | undefined = undefined,
  B extends boolean | undefined = undefined,
  M extends boolean | undefined = undefined,
>(
  inputs: I,
  options?: FusedLossOptions &
    HostOptions &
    HostMaskOptions &
    OutOptions &
    GradOption<G> &
    GradOptions<C, B, M>,
): LossResult<I, { class: OwnGrad<G, C>; box: OwnGrad<G, B>; mask: OwnGrad<G, M> }>;
export function fusedLoss(batch: Batch, options?: FusedLossOptions): LossStep;
export function fusedLoss(
  given: LossInputs | Batch,
  options: FusedLossOptions & HostOptions & HostMaskOptions & OutOptions = {},
): unknown {
  if (Batch.is(given)) return wholeOnBatch(given, options);
  const inputs = readInputs(given, inputsOf.whole);
  checkObject('options', options);
  checkKeys('option', options, knownOptions.host.whole);
  const classWeights = options.class?.classWeights;
  const shape = shapeOfInputs(inputs, options, termsOf(inputs), { classWeights });
  checkLengths(inputs, options, shape);
  return wholeOnHost(inputs, shape, options, knownOptions.batch);
}

function wholeOnBatch(batch: Batch, options: FusedLossOptions): LossStep {
  checkObject('options', options);
  checkKeys('option', options, knownOptions.batch.whole);
  const call = batch.row.take();
  try {
    const calls = writeAll(call, options, batch.shape, knownOptions.batch);
    return batch.run(call, calls, LossStep.create);
  } finally {
    batch.row.giveBack(call);
  }
}
