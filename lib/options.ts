import { commonSlots, slots } from './call';
import { checkChoice, checkKeys, checkObject } from './check';
import { rangeError, show, typeError } from './errors';
import { checkKindOptions, notTaken, writeKind, writeMixture } from './kind-options';
import { optionKinds } from './kinds';
import { finite, flag, floats, isNotNegative, notNegative, positive } from './numbers';
import type { BoxSource, MaskSource, StepShape } from './shape';
import { type TermName, termNames } from './terms';
import type {
  BoxLossOptions,
  ClassLossOptions,
  Crop,
  FusedLossOptions,
  MaskLossOptions,
  Reduction,
  TermOptions,
} from './types';

// The options of a step, checked and written into the row of numbers that native code reads.

const termKeys = ['reduction', 'normalizer', 'weight', 'gradScale', 'grad', 'backward', 'metrics'];
const hostKeys = ['classes', 'device', 'out', 'targets'];
const hostMaskKeys = ['maskSize', 'imageSize', 'layout', 'maskGrad'];

const ofKinds = (term: TermName) => optionKinds[term].map(([option]) => option);
const ownKeys = {
  class: [...termKeys, 'classWeights', 'kind', ...ofKinds('class')],
  box: [...termKeys, 'kind', 'deltaWeights', ...ofKinds('box')],
  mask: [...termKeys, 'kind', 'crop', ...ofKinds('mask')],
};

/** The options that exist, by function and by what it is called on. */
export const knownOptions = {
  batch: {
    class: new Set(ownKeys.class),
    box: new Set(ownKeys.box),
    mask: new Set(ownKeys.mask),
    whole: new Set([...termKeys, ...termNames]),
  },
  host: {
    class: new Set([...ownKeys.class, ...hostKeys]),
    box: new Set([...ownKeys.box, ...hostKeys]),
    mask: new Set([...ownKeys.mask, ...hostKeys, ...hostMaskKeys]),
    whole: new Set([...termKeys, ...termNames, ...hostKeys, ...hostMaskKeys]),
  },
};

/** Those of torchvision's and detectron2's heads. */
const defaultDeltaWeights = [10, 10, 5, 5];
const crops: readonly [Crop, Crop] = ['detectron2', 'torchvision'];
const reductions: readonly [Reduction, Reduction, Reduction] = ['mean', 'sum', 'none'];

/** What an option set for a term tells beyond the numbers in the row. */
export interface TermCall {
  readonly reduction: Reduction;
  readonly gradient: boolean;
  readonly metrics: boolean;
  readonly upstream: Float32Array | undefined;
}

/** Who asks: the prefix of options' names in messages, and the options that hold where the term has none of its own. */
export interface Origin {
  readonly prefix: string;
  readonly shared: TermOptions | undefined;
}

const noOptions: TermOptions = {};

function checkNormalizer(prefix: string, value: unknown): number {
  if (value === 0)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${prefix}normalizer is 0; expected a finite number above 0: give 1 where nothing counts, as on a GPU without foreground; the loss is 0 then`,
    );
  return positive(prefix, 'normalizer', value);
}

function writeTerm(
  call: Float64Array,
  term: TermName,
  options: TermOptions,
  origin: Origin,
  rois: number,
): TermCall {
  const { prefix } = origin;
  const shared = origin.shared ?? noOptions;
  const target = commonSlots[term];
  const reduction = checkChoice(`${prefix}reduction`, options.reduction ?? shared.reduction, reductions);
  const gradient = flag(prefix, 'grad', options.grad ?? shared.grad ?? true);
  const metrics = flag(prefix, 'metrics', options.metrics ?? shared.metrics ?? false);
  const normalizer = options.normalizer ?? shared.normalizer;
  const backward = options.backward ?? shared.backward ?? 1;
  let scalar = 1;
  let upstream: Float32Array | undefined;
  if (typeof backward === 'number') {
    scalar = finite(prefix, 'backward', backward);
  } else {
    upstream = floats(`${prefix}backward`, backward, rois);
    if (reduction !== 'none')
      throw rangeError(
        'ERR_ROI_LOSS_OPTION',
        `${prefix}backward is an array with the reduction '${reduction}'; expected a number, or the reduction 'none'`,
      );
  }
  call[target.enabled] = 1;
  call[target.gradient] = gradient ? 1 : 0;
  call[target.metrics] = metrics ? 1 : 0;
  call[target.reduction] = reductions.indexOf(reduction);
  call[target.weight] = finite(prefix, 'weight', options.weight ?? shared.weight ?? 1);
  call[target.normalizer] = normalizer === undefined ? 0 : checkNormalizer(prefix, normalizer);
  call[target.gradScale] = scalar * finite(prefix, 'gradScale', options.gradScale ?? shared.gradScale ?? 1);
  return { reduction, gradient, metrics, upstream };
}

/** Switches a term off. */
export function leaveOut(call: Float64Array, term: TermName): undefined {
  call[commonSlots[term].enabled] = 0;
}

export interface ClassCall extends TermCall {
  readonly weights: Float32Array | undefined;
}

/** Checks the options of the class loss and writes them. Without that term in `shape` it is switched off. */
export function writeClass(
  call: Float64Array,
  options: ClassLossOptions,
  origin: Origin,
  { rois, classes, class: shape }: StepShape,
): ClassCall | undefined {
  if (!shape) return leaveOut(call, 'class');
  const { prefix } = origin;
  const term = writeTerm(call, 'class', options, origin, rois);
  if (options.eps !== undefined && shape.input !== 'classProbs')
    throw notTaken(prefix, 'eps', ['classProbs'], [shape.input]);
  checkKindOptions('class', options, prefix, writeKind(call, 'class', options, prefix));
  const { reduction, gradient, metrics, upstream } = term;
  const { classWeights } = options;
  if (classWeights === undefined) return { reduction, gradient, metrics, upstream, weights: undefined };
  const weights = floats(`${prefix}classWeights`, classWeights, classes);
  for (let c = 0; c < classes; c++)
    if (!isNotNegative(weights[c] as number)) notNegative(prefix, `classWeights[${c}]`, weights[c]);
  return { reduction, gradient, metrics, upstream, weights };
}

function writeDeltaWeights(call: Float64Array, prefix: string, value: unknown, source: BoxSource): void {
  if (value !== undefined && source === 'tensor')
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      `${prefix}deltaWeights is an option of steps that encode gtBoxes; expected none with boxTargets`,
    );
  const weights = value ?? defaultDeltaWeights;
  if (!Array.isArray(weights) || weights.length !== 4)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${prefix}deltaWeights is ${show(value)}; expected four numbers above 0, of x, y, w and h`,
    );
  for (const [i, slot] of slots.deltaWeights.entries())
    call[slot] = positive(prefix, `deltaWeights[${i}]`, weights[i]);
}

/** The same of the box loss. */
export function writeBox(
  call: Float64Array,
  options: BoxLossOptions,
  origin: Origin,
  { rois, box: shape }: StepShape,
): TermCall | undefined {
  if (!shape) return leaveOut(call, 'box');
  const term = writeTerm(call, 'box', options, origin, rois);
  checkKindOptions('box', options, origin.prefix, writeKind(call, 'box', options, origin.prefix));
  writeDeltaWeights(call, origin.prefix, options.deltaWeights, shape.source);
  return term;
}

function writeCrop(call: Float64Array, prefix: string, value: unknown, source: MaskSource): void {
  if (value !== undefined && source !== 'bitmaps' && !(source === 'polygons' && value === crops[0]))
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      `${prefix}crop is ${show(value)}; expected ${
        source === 'polygons' ? "'detectron2' with gtPolygons" : 'none without gtMasks'
      }`,
    );
  call[slots.crop] = crops.indexOf(checkChoice(`${prefix}crop`, value, crops));
}

/** The same of the mask loss. */
export function writeMask(
  call: Float64Array,
  options: MaskLossOptions,
  origin: Origin,
  { mask: shape }: StepShape,
): TermCall | undefined {
  if (!shape) return leaveOut(call, 'mask');
  const { prefix } = origin;
  const term = writeTerm(call, 'mask', options, origin, shape.rois);
  const { kind } = options;
  const isMixture = typeof kind === 'object' && kind !== null && !Array.isArray(kind);
  const chosen = isMixture
    ? writeMixture(call, kind, { options, prefix })
    : writeKind(call, 'mask', options, prefix);
  checkKindOptions('mask', options, prefix, chosen);
  writeCrop(call, prefix, options.crop, shape.source);
  return term;
}

/** The options of one term within those of `fusedLoss`. */
export function termOptions<T extends TermName>(
  options: FusedLossOptions,
  term: T,
  known: ReadonlySet<string>,
): NonNullable<FusedLossOptions[T]> {
  const own = options[term];
  if (own === undefined) return noOptions;
  checkObject(term, own);
  checkKeys(`option of ${term}`, own, known);
  return own;
}

/** What the options of all the terms of a step tell; a term that is switched off is undefined. */
export interface Calls {
  readonly class: ClassCall | undefined;
  readonly box: TermCall | undefined;
  readonly mask: TermCall | undefined;
}
