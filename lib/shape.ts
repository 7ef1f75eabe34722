import { dtypes } from './dtypes';
import { type InputName, inputNames, inputOf, inputs } from './inputs';
import type { NativeBuffers, NativeShape } from './native';
import { type TermName, termNames } from './terms';
import type { DType, GradName, Layout, MaskGrad } from './types';

/** The inputs that have a gradient. */
export const gradNames: readonly GradName[] = ['classLogits', 'classProbs', 'boxDeltas', 'maskLogits'];

/** The sizes and element types of a step: what the shapes of all its arrays follow from. A term is there or not. */
export interface StepShape {
  /** R */
  readonly rois: number;
  /** C, background included */
  readonly classes: number;
  readonly class?: { readonly input: 'classLogits' | 'classProbs' } | undefined;
  readonly box?: { readonly channels: number } | undefined;
  readonly mask?: MaskShape | undefined;
  /** Of the inputs that there are, of whichever term. */
  readonly types: { readonly [K in InputName]?: DType | undefined };
}

export interface MaskShape {
  /** P */
  readonly rois: number;
  /** Whether masks have labels of their own. */
  readonly ownLabels: boolean;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly layout: Layout;
  readonly maskGrad: MaskGrad;
}

/** An array of a step: its sizes, how they are written in the documentation, and its element type. */
export interface ArraySpec {
  readonly shape: readonly number[];
  readonly symbols: string;
  readonly dtype: DType;
}

/** A size by the name that the documentation has for it, of an input of `term`. */
function sizeOf(axis: string | number, s: StepShape, term: TermName | undefined): number {
  const sizes: { readonly [axis: string]: number | undefined } = {
    R: s.rois,
    C: s.classes,
    P: s.mask?.rois,
    H: s.mask?.height,
    W: s.mask?.width,
    channels: term === 'box' ? s.box?.channels : s.mask?.channels,
  };
  return typeof axis === 'number' ? axis : (sizes[axis] as number);
}

export const symbolsOf = (axes: readonly (string | number)[]) => `[${axes.join(', ')}]`;

/** Whether a step reads an input, and so whether it has to be there. */
export function isRead(name: InputName, s: StepShape): boolean {
  if (name === 'labels') return s.class !== undefined || s.box !== undefined || !s.mask?.ownLabels;
  if (name === 'maskLabels') return s.mask?.ownLabels ?? false;
  const { term } = inputs[name];
  return term === 'class' ? s.class?.input === name : s[term] !== undefined;
}

/** What a step of this shape reads as `name`; undefined for nothing. */
export function inputSpec(name: InputName, s: StepShape): ArraySpec | undefined {
  const dtype = s.types[name];
  if (!dtype || !isRead(name, s)) return undefined;
  const { term, axes, channelsLast } = inputOf(name);
  const own = (s.mask?.layout === 'nhwc' && channelsLast) || axes;
  return { shape: own.map((axis) => sizeOf(axis, s, term)), symbols: symbolsOf(own), dtype };
}

/** The arrays that go into a step of this shape, by name. */
export function inputSpecs(s: StepShape): { [K in InputName]?: ArraySpec } {
  const specs: { [K in InputName]?: ArraySpec } = {};
  for (const name of inputNames) {
    const spec = inputSpec(name, s);
    if (spec) specs[name] = spec;
  }
  return specs;
}

/** The gradients that come out of it, by the name of the input. */
export function gradSpecs(s: StepShape): { [K in GradName]?: ArraySpec } {
  const specs: { [K in GradName]?: ArraySpec } = {};
  for (const name of gradNames) {
    const spec = inputSpec(name, s);
    if (!spec) continue;
    const compact = name === 'maskLogits' && s.mask?.maskGrad === 'compact';
    specs[name] = compact ? { ...spec, shape: [s.mask.rois, s.mask.height, s.mask.width] } : spec;
  }
  return specs;
}

const perRow = (rois: number, symbols: string, dtype: DType): ArraySpec => ({
  shape: [rois],
  symbols,
  dtype,
});

/** The losses by RoI of its terms. */
export function perRoiSpecs({ rois, class: scores, box, mask }: StepShape): { [K in TermName]?: ArraySpec } {
  return {
    ...(scores && { class: perRow(rois, '[R]', 'float32') }),
    ...(box && { box: perRow(rois, '[R]', 'float32') }),
    ...(mask && { mask: perRow(mask.rois, '[P]', 'float32') }),
  };
}

/** The channel that a step wrote for each RoI, of the gradients that are mostly zeros. */
export function writtenSpecs({ rois, box, mask }: StepShape): { [K in 'box' | 'mask']?: ArraySpec } {
  return {
    ...(box && { box: perRow(rois, '[R]', 'int32') }),
    ...(mask && { mask: perRow(mask.rois, '[P]', 'int32') }),
  };
}

/** The buffers of a step, arrays or tensors, under the names that native/buffers.h has for them. */
export function stepBuffers<T>(
  given: { readonly [K in InputName]?: T | undefined },
  grads: { readonly [K in GradName]?: T | undefined },
  perRoi: { readonly [K in TermName]?: T | undefined },
): NativeBuffers<T> {
  const buffers: { [name: string]: T | undefined } = {};
  for (const name of inputNames) if (given[name]) buffers[inputs[name].buffer] = given[name];
  for (const name of gradNames) if (grads[name]) buffers[`${inputs[name].term}Grad`] = grads[name];
  for (const term of termNames) if (perRoi[term]) buffers[`${term}PerRoi`] = perRoi[term];
  return buffers;
}

/** The sizes as native code takes them; those of a term that is absent are 0. */
export function nativeShape(s: StepShape, fill: 'fresh' | 'sparse' | 'rewrite'): NativeShape {
  const types: { [buffer: string]: number } = {};
  for (const name of inputNames) {
    const dtype = isRead(name, s) && s.types[name];
    if (dtype) types[inputs[name].buffer] = dtypes[dtype].code;
  }
  return {
    rois: s.rois,
    maskRois: s.mask?.rois ?? 0,
    ownMaskLabels: s.mask?.ownLabels ?? false,
    classes: s.classes,
    class: s.class !== undefined,
    box: s.box !== undefined,
    mask: s.mask !== undefined,
    probabilities: s.class?.input === 'classProbs',
    types,
    boxChannels: s.box?.channels ?? 0,
    maskChannels: s.mask?.channels ?? 0,
    height: s.mask?.height ?? 0,
    width: s.mask?.width ?? 0,
    channelsLast: s.mask?.layout === 'nhwc',
    compactGrad: s.mask?.maskGrad === 'compact',
    fresh: fill === 'fresh',
    rewrite: fill === 'rewrite',
  };
}

export const layouts = ['nchw', 'nhwc'] as const;
export const maskGrads = ['dense', 'compact'] as const;
