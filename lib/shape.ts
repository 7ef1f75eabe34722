import { dtypes } from './dtypes';
import { rangeError, typeError } from './errors';
import { type InputName, inputNames, inputOf, inputs } from './inputs';
import type { NativeShape } from './native';
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
  readonly box?: { readonly channels: number; readonly source: BoxSource } | undefined;
  readonly mask?: MaskShape | undefined;
  /** The sizes of the objects that targets are made from; absent where targets are given. */
  readonly objects?: ObjectSizes | undefined;
  /** The element type of each input, of any term. */
  readonly types: { readonly [K in InputName]?: DType | undefined };
}

/** Where targets come from: they are given, or made from objects. The order is that of `TargetSource` in native/problem.h. */
export const targetSources = ['tensor', 'objects', 'bitmaps', 'polygons'] as const;
type TargetSource = (typeof targetSources)[number];
export type BoxSource = Extract<TargetSource, 'tensor' | 'objects'>;
export type MaskSource = Exclude<TargetSource, 'objects'>;

export interface ObjectSizes {
  /** G */
  readonly count: number;
  /** [Hi, Wi] of bitmaps; [0, 0] without. */
  readonly imageSize: readonly [number, number];
  /** V and S of polygons; 0 without. */
  readonly points: number;
  readonly rings: number;
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
  readonly source: MaskSource;
}

/** An array of a step: its sizes, how they are written in the documentation, and its element type. */
export interface ArraySpec {
  readonly shape: readonly number[];
  readonly symbols: string;
  readonly dtype: DType;
}

/** A size by the name that the documentation has for it, of an input of `term`. */
function sizeOf(axis: string | number, s: StepShape, term: TermName | undefined): number {
  if (typeof axis === 'number') return axis;
  if (axis === 'R') return s.rois;
  if (axis === 'C') return s.classes;
  if (axis === 'channels') return (term === 'box' ? s.box : s.mask)?.channels as number;
  const { mask, objects } = s;
  const sizes: { readonly [axis: string]: number | undefined } = {
    P: mask?.rois,
    H: mask?.height,
    W: mask?.width,
    G: objects?.count,
    Hi: objects?.imageSize[0],
    Wi: objects?.imageSize[1],
    V: objects?.points,
    'S + 1': objects && objects.rings + 1,
    'G + 1': objects && objects.count + 1,
  };
  return sizes[axis] as number;
}

type Axes = readonly (string | number)[];
export const symbolsOf = (axes: Axes) => `[${axes.join(', ')}]`;

/** Of all inputs, put together once. */
const symbolsOfAxes: ReadonlyMap<Axes, string> = new Map(
  inputNames.flatMap((name) => {
    const { axes, channelsLast } = inputOf(name);
    return [axes, ...(channelsLast ? [channelsLast] : [])].map((own) => [own, symbolsOf(own)] as const);
  }),
);

/** Whether a step reads an input, and so whether it has to be there. */
export function isRead(name: InputName, s: StepShape): boolean {
  const makesMasks = s.mask !== undefined && s.mask.source !== 'tensor';
  switch (name) {
    case 'classLogits':
    case 'classProbs':
      return s.class?.input === name;
    case 'labels':
      return s.class !== undefined || s.box !== undefined || !s.mask?.ownLabels;
    case 'maskLabels':
      return s.mask?.ownLabels ?? false;
    case 'proposals':
    case 'matches':
      return s.box?.source === 'objects' || (makesMasks && !s.mask.ownLabels);
    case 'maskProposals':
    case 'maskMatches':
      return makesMasks && s.mask.ownLabels;
    case 'boxTargets':
      return s.box?.source === 'tensor';
    case 'gtBoxes':
      return s.box?.source === 'objects';
    case 'maskTargets':
      return s.mask?.source === 'tensor';
    case 'gtMasks':
      return s.mask?.source === 'bitmaps';
    case 'boxDeltas':
      return s.box !== undefined;
    case 'maskLogits':
      return s.mask !== undefined;
    default:
      return s.mask?.source === 'polygons';
  }
}

/** Finds where targets come from by the inputs that are given. Throws if both targets and their source are given. */
export function sourcesOf(has: (name: InputName) => boolean): { box: BoxSource; mask: MaskSource } {
  const other = (target: InputName, source: InputName, shown: string = source) => {
    if (has(target) && has(source))
      throw typeError('ERR_ROI_LOSS_OPTION', `${target} and ${shown} are both given; expected one of them`);
    return has(source);
  };
  const polygons: InputName = 'gtPolygons.objects';
  other('gtMasks', polygons, 'gtPolygons');
  return {
    box: other('boxTargets', 'gtBoxes') ? 'objects' : 'tensor',
    mask: other('maskTargets', 'gtMasks')
      ? 'bitmaps'
      : other('maskTargets', polygons, 'gtPolygons')
        ? 'polygons'
        : 'tensor',
  };
}

/** The sizes of objects, by those of the inputs that tell them: the first axis of an input, undefined if it is not read. */
export function objectSizes(
  axis: (name: InputName) => number | undefined,
  imageSize: readonly [number, number],
): ObjectSizes {
  const [rings = 1, objects = 1] = [axis('gtPolygons.rings'), axis('gtPolygons.objects')];
  for (const [name, length] of [['rings', rings] as const, ['objects', objects] as const])
    if (length < 1)
      throw rangeError('ERR_ROI_LOSS_SHAPE', `gtPolygons.${name} has 0 elements; expected at least one, 0`);
  return {
    count: axis('gtBoxes') ?? axis('gtMasks') ?? objects - 1,
    imageSize,
    points: axis('gtPolygons.points') ?? 0,
    rings: rings - 1,
  };
}

/** Whether any input of a term alone is given. */
export const hasTerm = (given: { readonly [K in InputName]?: unknown }, term: TermName): boolean =>
  inputNames.some((name) => inputs[name].term === term && given[name] !== undefined);

/** What a step of this shape reads as `name`; undefined for nothing. */
export function inputSpec(name: InputName, s: StepShape): ArraySpec | undefined {
  const dtype = s.types[name];
  if (!dtype || !isRead(name, s)) return undefined;
  const { term, axes, channelsLast } = inputOf(name);
  const own = (s.mask?.layout === 'nhwc' && channelsLast) || axes;
  return {
    shape: own.map((axis) => sizeOf(axis, s, term)),
    symbols: symbolsOfAxes.get(own) as string,
    dtype,
  };
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

/** The targets that a step makes from objects. */
export function targetSpecs(s: StepShape): { [K in 'boxTargets' | 'maskTargets']?: ArraySpec } {
  const spec = (name: 'boxTargets' | 'maskTargets'): ArraySpec => {
    const { term, axes } = inputOf(name);
    return { shape: axes.map((axis) => sizeOf(axis, s, term)), symbols: symbolsOf(axes), dtype: 'float32' };
  };
  return {
    ...(s.box?.source === 'objects' && { boxTargets: spec('boxTargets') }),
    ...(s.mask && s.mask.source !== 'tensor' && { maskTargets: spec('maskTargets') }),
  };
}

/** The buffers of a step, arrays or tensors, under the names that native/buffers.h has for them. */
export function stepBuffers<T>(
  given: { readonly [K in InputName]?: T | undefined },
  grads: { readonly [K in GradName]?: T | undefined },
  perRoi: { readonly [K in TermName]?: T | undefined },
): { [name: string]: T | undefined } {
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
    boxSource: targetSources.indexOf(s.box?.source ?? 'tensor'),
    maskSource: targetSources.indexOf(s.mask?.source ?? 'tensor'),
    objects: s.objects?.count ?? 0,
    imageHeight: s.objects?.imageSize[0] ?? 0,
    imageWidth: s.objects?.imageSize[1] ?? 0,
    points: s.objects?.points ?? 0,
    rings: s.objects?.rings ?? 0,
    fresh: fill === 'fresh',
    rewrite: fill === 'rewrite',
  };
}

export const layouts = ['nchw', 'nhwc'] as const;
export const maskGrads = ['dense', 'compact'] as const;
