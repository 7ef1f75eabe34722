import { checkSize } from './check';
import { dtypes } from './dtypes';
import { rangeError, show } from './errors';
import type { NativeBuffers, NativeShape } from './native';
import type { DType, FloatType, GradName, Layout, MaskGrad } from './types';

/** All names under which inputs come. */
export const inputNames = [
  'classLogits',
  'classProbs',
  'boxDeltas',
  'boxTargets',
  'maskLogits',
  'maskTargets',
  'labels',
  'maskLabels',
] as const;
export type InputName = (typeof inputNames)[number];

/** The inputs that have a gradient. */
export const gradNames: readonly GradName[] = ['classLogits', 'classProbs', 'boxDeltas', 'maskLogits'];

/** The sizes and element types of a step: what the shapes of all its arrays follow from. A term is there or not. */
export interface StepShape {
  /** R */
  readonly rois: number;
  /** C, background included */
  readonly classes: number;
  readonly class?: ClassShape | undefined;
  readonly box?:
    | { readonly channels: number; readonly dtype: FloatType; readonly targetType: FloatType }
    | undefined;
  readonly mask?: MaskShape | undefined;
}

export interface ClassShape {
  readonly input: 'classLogits' | 'classProbs';
  readonly dtype: FloatType;
}

export interface MaskShape {
  /** P */
  readonly rois: number;
  /** Whether masks have labels of their own. */
  readonly ownLabels: boolean;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly dtype: FloatType;
  readonly targetType: FloatType | 'uint8';
  readonly layout: Layout;
  readonly maskGrad: MaskGrad;
}

/** An array of a step: its sizes, how they are written in the documentation, and its element type. */
export interface ArraySpec {
  readonly shape: readonly number[];
  readonly symbols: string;
  readonly dtype: DType;
}

function maskLogitsSpec(mask: MaskShape, channels: number): ArraySpec {
  const { rois, height, width, dtype } = mask;
  return mask.layout === 'nhwc'
    ? { shape: [rois, height, width, channels], symbols: '[P, H, W, channels]', dtype }
    : { shape: [rois, channels, height, width], symbols: '[P, channels, H, W]', dtype };
}

/** The arrays that go into a step of this shape, by name. */
export function inputSpecs(s: StepShape): { [K in InputName]?: ArraySpec } {
  const specs: { [K in InputName]?: ArraySpec } = {};
  if (s.class) specs[s.class.input] = { shape: [s.rois, s.classes], symbols: '[R, C]', dtype: s.class.dtype };
  if (s.box) {
    const { channels, dtype, targetType } = s.box;
    specs.boxDeltas = { shape: [s.rois, channels, 4], symbols: '[R, channels, 4]', dtype };
    specs.boxTargets = { shape: [s.rois, 4], symbols: '[R, 4]', dtype: targetType };
  }
  if (s.class || s.box || !s.mask?.ownLabels)
    specs.labels = { shape: [s.rois], symbols: '[R]', dtype: 'int32' };
  if (s.mask) {
    const { rois, height, width, targetType } = s.mask;
    specs.maskLogits = maskLogitsSpec(s.mask, s.mask.channels);
    specs.maskTargets = { shape: [rois, height, width], symbols: '[P, H, W]', dtype: targetType };
    if (s.mask.ownLabels) specs.maskLabels = { shape: [rois], symbols: '[P]', dtype: 'int32' };
  }
  return specs;
}

/** The gradients that come out of it, by the name of the input. */
export function gradSpecs(s: StepShape): { [K in GradName]?: ArraySpec } {
  const { classLogits, classProbs, boxDeltas, maskLogits } = inputSpecs(s);
  const compact = s.mask?.maskGrad === 'compact';
  const maskGrad = compact
    ? { ...maskLogitsSpec(s.mask, 1), shape: [s.mask.rois, s.mask.height, s.mask.width] }
    : maskLogits;
  const specs = { classLogits, classProbs, boxDeltas, maskLogits: maskGrad };
  return Object.fromEntries(Object.entries(specs).filter(([, spec]) => spec !== undefined));
}

/** The buffers of a step, arrays or tensors, under the names that native code has for them. */
export function stepBuffers<T>(
  inputs: { readonly [K in InputName]?: T | undefined },
  grads: { readonly [K in GradName]?: T | undefined },
  perRoi: { readonly class?: T | undefined; readonly box?: T | undefined; readonly mask?: T | undefined },
): NativeBuffers<T> {
  return {
    labels: inputs.labels,
    maskLabels: inputs.maskLabels,
    classScores: inputs.classLogits ?? inputs.classProbs,
    boxDeltas: inputs.boxDeltas,
    boxTargets: inputs.boxTargets,
    maskLogits: inputs.maskLogits,
    maskTargets: inputs.maskTargets,
    classGrad: grads.classLogits ?? grads.classProbs,
    boxGrad: grads.boxDeltas,
    maskGrad: grads.maskLogits,
    classPerRoi: perRoi.class,
    boxPerRoi: perRoi.box,
    maskPerRoi: perRoi.mask,
  };
}

/** The sizes as native code takes them; those of a term that is absent are 0. */
export function nativeShape(s: StepShape, fill: 'fresh' | 'sparse' | 'rewrite'): NativeShape {
  const code = (dtype: DType | undefined) => dtypes[dtype ?? 'float32'].code;
  return {
    rois: s.rois,
    maskRois: s.mask?.rois ?? 0,
    classes: s.classes,
    class: s.class !== undefined,
    box: s.box !== undefined,
    mask: s.mask !== undefined,
    probabilities: s.class?.input === 'classProbs',
    classType: code(s.class?.dtype),
    boxType: code(s.box?.dtype),
    boxTargetType: code(s.box?.targetType),
    maskType: code(s.mask?.dtype),
    maskTargetType: code(s.mask?.targetType),
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

/** [H, W] as a user gives it. */
export function checkMaskSize(value: unknown = [28, 28]): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2)
    throw rangeError('ERR_ROI_LOSS_SHAPE', `maskSize is ${show(value)}; expected [height, width]`);
  const [height, width]: unknown[] = value;
  checkSize('maskSize[0]', height, 1);
  checkSize('maskSize[1]', width, 1);
  return [height, width];
}

/** Channels must be one a class, one a foreground class, or one for all. */
export function checkChannels(name: string, value: unknown, classes: number): number {
  if (value !== classes && value !== classes - 1 && value !== 1)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} is ${show(value)}; expected ${classes} (all classes), ${classes - 1} (the foreground) or 1 (class-agnostic)`,
    );
  return value as number;
}

export const layouts = ['nchw', 'nhwc'] as const;
export const maskGrads = ['dense', 'compact'] as const;
