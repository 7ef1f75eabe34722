import { checkArray, checkKeys, checkObject, lengthOf } from './check';
import { rangeError, show, typeError } from './errors';
import { native } from './native';
import { checkChoice } from './shape';
import type {
  BoxLossOptions,
  ClassLossOptions,
  ClassMetrics,
  FusedLossOptions,
  Losses,
  MaskKind,
  MaskLossOptions,
  MaskMetrics,
  Metrics,
  Reduction,
  TermOptions,
} from './types';

// The options and results of a step, as the row of numbers that native code reads and writes.

export type TermName = 'class' | 'box' | 'mask';
export const termNames: readonly TermName[] = ['class', 'box', 'mask'];

/** Where a number lies in the row: `slot['mask.weight']`. */
const slot: { readonly [name: string]: number } = Object.fromEntries(
  native.callSlots.map((name, i) => [name, i]),
);
const at = (name: string) => slot[name] as number;
const commonSlots = (term: TermName) => ({
  enabled: at(`${term}.enabled`),
  gradient: at(`${term}.gradient`),
  metrics: at(`${term}.metrics`),
  reduction: at(`${term}.reduction`),
  weight: at(`${term}.weight`),
  normalizer: at(`${term}.normalizer`),
  gradScale: at(`${term}.gradScale`),
});
const common = { class: commonSlots('class'), box: commonSlots('box'), mask: commonSlots('mask') };
const slots = {
  labelSmoothing: at('class.labelSmoothing'),
  classEps: at('class.eps'),
  beta: at('box.beta'),
  bce: at('mask.bce'),
  smoothed: at('mask.smoothed'),
  dice: at('mask.dice'),
  smoothing: at('mask.smoothing'),
  maskEps: at('mask.eps'),
  classLoss: at('class.loss'),
  boxLoss: at('box.loss'),
  maskLoss: at('mask.loss'),
};

export const newCall = () => new Float64Array(native.callSlots.length);

const termKeys = ['reduction', 'normalizer', 'weight', 'gradScale', 'grad', 'backward', 'metrics'];
const hostKeys = ['classes', 'device'];
const hostMaskKeys = ['maskSize', 'layout', 'maskGrad'];

const ownKeys = {
  class: [...termKeys, 'classWeights', 'labelSmoothing', 'eps'],
  box: [...termKeys, 'beta'],
  mask: [...termKeys, 'kind', 'smoothing', 'eps'],
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

const reductions: readonly [Reduction, Reduction, Reduction] = ['mean', 'sum', 'none'];

/** Checks an option. Its full name is put together for a message only: this runs many times a step. */
function checkNumber(
  prefix: string,
  name: string,
  value: unknown,
  expected: string,
  fits: (x: number) => boolean,
): number {
  if (typeof value !== 'number' || !fits(value))
    throw rangeError('ERR_ROI_LOSS_OPTION', `${prefix}${name} is ${show(value)}; expected ${expected}`);
  return value;
}
const isNotNegative = (x: number) => Number.isFinite(x) && x >= 0;
const isPositive = (x: number) => Number.isFinite(x) && x > 0;
/** What float32 has all digits of, and a reciprocal. */
const leastFloat = 2 ** -126;
const isFloat = (x: number) => Number.isFinite(x) && x >= leastFloat;
const isShare = (x: number) => x >= 0 && x <= 1;
const finite = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number', Number.isFinite);
const notNegative = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number from 0 on', isNotNegative);
const positive = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number above 0', isPositive);
const epsilon = (prefix: string, value: unknown) =>
  checkNumber(prefix, 'eps', value, 'a finite number from 2^-126 on', isFloat);
const share = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a number from 0 to 1', isShare);

function flag(prefix: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw typeError('ERR_ROI_LOSS_OPTION', `${prefix}${name} is ${show(value)}; expected true or false`);
  return value;
}

/** [length] floats among the options. */
function floats(name: string, value: unknown, length: number): Float32Array {
  checkArray(name, value, 'Float32Array');
  if (lengthOf(value) !== length)
    throw rangeError('ERR_ROI_LOSS_SHAPE', `${name} has ${lengthOf(value)} elements; expected ${length}`);
  return value as Float32Array;
}

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

function writeTerm(
  call: Float64Array,
  term: TermName,
  options: TermOptions,
  origin: Origin,
  rois: number,
): TermCall {
  const { prefix } = origin;
  const shared = origin.shared ?? noOptions;
  const target = common[term];
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
  call[target.normalizer] = normalizer === undefined ? 0 : positive(prefix, 'normalizer', normalizer);
  call[target.gradScale] = scalar * finite(prefix, 'gradScale', options.gradScale ?? shared.gradScale ?? 1);
  return { reduction, gradient, metrics, upstream };
}

/** Switches a term off. */
export function leaveOut(call: Float64Array, term: TermName): undefined {
  call[common[term].enabled] = 0;
}

export interface ClassCall extends TermCall {
  readonly weights: Float32Array | undefined;
}

/** Checks the options of the class loss and writes them. `rois` is R, `classes` C. */
export function writeClass(
  call: Float64Array,
  options: ClassLossOptions,
  origin: Origin,
  rois: number,
  classes: number,
): ClassCall {
  const { prefix } = origin;
  const term = writeTerm(call, 'class', options, origin, rois);
  call[slots.labelSmoothing] = share(prefix, 'labelSmoothing', options.labelSmoothing ?? 0);
  call[slots.classEps] = epsilon(prefix, options.eps ?? 1e-12);
  const { reduction, gradient, metrics, upstream } = term;
  const { classWeights } = options;
  if (classWeights === undefined) return { reduction, gradient, metrics, upstream, weights: undefined };
  const weights = floats(`${prefix}classWeights`, classWeights, classes);
  for (let c = 0; c < classes; c++)
    if (!isNotNegative(weights[c] as number)) notNegative(prefix, `classWeights[${c}]`, weights[c]);
  return { reduction, gradient, metrics, upstream, weights };
}

/** Checks the options of the box loss and writes them. */
export function writeBox(
  call: Float64Array,
  options: BoxLossOptions,
  origin: Origin,
  rois: number,
): TermCall {
  const term = writeTerm(call, 'box', options, origin, rois);
  call[slots.beta] = notNegative(origin.prefix, 'beta', options.beta ?? 1);
  return term;
}

/** Where the weight of each kind goes. A new mask loss has a line here. */
const kindSlots: { readonly [K in MaskKind]: number } = {
  bce: slots.bce,
  dice: slots.dice,
  'smoothed-bce': slots.smoothed,
};

function writeKind(call: Float64Array, name: string, kind: unknown): void {
  for (const kindSlot of Object.values(kindSlots)) call[kindSlot] = 0;
  if (typeof kind === 'string' && Object.hasOwn(kindSlots, kind)) {
    call[kindSlots[kind as MaskKind]] = 1;
    return;
  }
  const kinds = Object.keys(kindSlots).map(show).join(', ');
  if (typeof kind !== 'object' || kind === null || Array.isArray(kind))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} is ${show(kind)}; expected ${kinds}, or a weight for each`,
    );
  let sum = 0;
  for (const [key, weight] of Object.entries(kind)) {
    if (!Object.hasOwn(kindSlots, key))
      throw rangeError('ERR_ROI_LOSS_OPTION', `${name} has the key ${show(key)}; expected ${kinds}`);
    call[kindSlots[key as MaskKind]] = notNegative(name, `['${key}']`, weight ?? 0);
    sum += weight ?? 0;
  }
  if (sum === 0)
    throw rangeError('ERR_ROI_LOSS_OPTION', `${name} has no weight above 0; expected one of ${kinds}`);
}

/** Checks the options of the mask loss and writes them. `rois` is P. */
export function writeMask(
  call: Float64Array,
  options: MaskLossOptions,
  origin: Origin,
  rois: number,
): TermCall {
  const { prefix } = origin;
  const term = writeTerm(call, 'mask', options, origin, rois);
  writeKind(call, `${prefix}kind`, options.kind ?? 'bce');
  call[slots.smoothing] = share(prefix, 'smoothing', options.smoothing ?? 0.05);
  call[slots.maskEps] = epsilon(prefix, options.eps ?? 1e-6);
  return term;
}

/** The options of one term within those of `fusedLoss`. */
export function termOptions<T extends TermName>(
  options: FusedLossOptions,
  term: T,
): NonNullable<FusedLossOptions[T]> {
  const own = options[term];
  if (own === undefined) return noOptions;
  checkObject(term, own);
  checkKeys(`option of ${term}`, own, knownOptions.batch[term]);
  return own;
}

/** What the options of all the terms of a step tell; a term that is switched off is undefined. */
export interface Calls {
  readonly class: ClassCall | undefined;
  readonly box: TermCall | undefined;
  readonly mask: TermCall | undefined;
}

/** Results, read from the row after the step. */
export function lossesOf(call: Float64Array): Losses {
  const classLoss = lossOf(call, 'class');
  const boxLoss = lossOf(call, 'box');
  const maskLoss = lossOf(call, 'mask');
  return { total: classLoss + boxLoss + maskLoss, class: classLoss, box: boxLoss, mask: maskLoss };
}

const lossSlots = { class: slots.classLoss, box: slots.boxLoss, mask: slots.maskLoss };

/** A term that is switched off is 0. */
export function lossOf(call: Float64Array, term: TermName): number {
  return call[common[term].enabled] ? (call[lossSlots[term]] as number) : 0;
}

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

export function classMetrics(call: Float64Array): ClassMetrics {
  const count = (name: string) => call[at(`class.${name}`)] as number;
  return {
    classAccuracy: ratio(count('right'), count('rois')),
    foregroundAccuracy: ratio(count('foregroundRight'), count('foreground')),
    falseNegatives: ratio(count('foregroundMissed'), count('foreground')),
  };
}

export function maskMetrics(call: Float64Array): MaskMetrics {
  const count = (name: string) => call[at(`mask.${name}`)] as number;
  const wrong = count('falsePositives') + count('falseNegatives');
  return {
    pixelAccuracy: ratio(count('pixels') - wrong, count('pixels')),
    falsePositives: ratio(count('falsePositives'), count('pixels') - count('foreground')),
    falseNegatives: ratio(count('falseNegatives'), count('foreground')),
  };
}

/** The metrics of the terms that were asked for them. */
export function metricsOf(call: Float64Array): Metrics | undefined {
  const asked = (term: TermName) => call[common[term].enabled] && call[common[term].metrics];
  if (!asked('class') && !asked('mask')) return undefined;
  return {
    ...(asked('class') ? { class: classMetrics(call) } : {}),
    ...(asked('mask') ? { mask: maskMetrics(call) } : {}),
  };
}
