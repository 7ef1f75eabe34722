import { checkObject, readKeys } from './check';
import type { TermName } from './terms';
import type { DType, GradName, LossInputs, Polygons } from './types';

// The inputs of a step. A new one is a line here, its documentation in types.ts, and a line in native/buffers.h.

/** The inputs as a step has them: each part of `gtPolygons` is one, `gtPolygons.points` for instance. */
type FlatInputs = Omit<LossInputs, 'gtPolygons'> & {
  readonly [K in keyof Polygons as `gtPolygons.${K}`]?: Polygons[K] | undefined;
};

interface Input {
  /** The term that it belongs to; undefined for what several have. */
  readonly term: TermName | undefined;
  /** The name of its buffer in native/buffers.h. */
  readonly buffer: string;
  /** The element types of tensors. Arrays of the host hold float32 in place of other floats. */
  readonly dtypes: readonly [DType, ...DType[]];
  /** Its axes, each a number or the name that the documentation has for a size. */
  readonly axes: readonly (string | number)[];
  /** The same with `layout: 'nhwc'`, where that is different. */
  readonly channelsLast?: readonly string[];
}

const float = ['float32', 'float16', 'bfloat16'] as const;

export const inputs = {
  classLogits: { term: 'class', buffer: 'classScores', dtypes: float, axes: ['R', 'C'] },
  classProbs: { term: 'class', buffer: 'classScores', dtypes: float, axes: ['R', 'C'] },
  boxDeltas: { term: 'box', buffer: 'boxDeltas', dtypes: float, axes: ['R', 'channels', 4] },
  boxTargets: { term: 'box', buffer: 'boxTargets', dtypes: float, axes: ['R', 4] },
  maskLogits: {
    ...{ term: 'mask', buffer: 'maskLogits', dtypes: float },
    ...{ axes: ['P', 'channels', 'H', 'W'], channelsLast: ['P', 'H', 'W', 'channels'] },
  },
  maskTargets: { term: 'mask', buffer: 'maskTargets', dtypes: [...float, 'uint8'], axes: ['P', 'H', 'W'] },
  labels: { term: undefined, buffer: 'labels', dtypes: ['int32'], axes: ['R'] },
  maskLabels: { term: 'mask', buffer: 'maskLabels', dtypes: ['int32'], axes: ['P'] },
  proposals: { term: undefined, buffer: 'proposals', dtypes: ['float32'], axes: ['R', 4] },
  maskProposals: { term: 'mask', buffer: 'maskProposals', dtypes: ['float32'], axes: ['P', 4] },
  matches: { term: undefined, buffer: 'matches', dtypes: ['int32'], axes: ['R'] },
  maskMatches: { term: 'mask', buffer: 'maskMatches', dtypes: ['int32'], axes: ['P'] },
  gtBoxes: { term: 'box', buffer: 'gtBoxes', dtypes: ['float32'], axes: ['G', 4] },
  gtMasks: { term: 'mask', buffer: 'gtMasks', dtypes: ['uint8'], axes: ['G', 'Hi', 'Wi'] },
  'gtPolygons.points': { term: 'mask', buffer: 'polygonPoints', dtypes: ['float32'], axes: ['V', 2] },
  'gtPolygons.rings': { term: 'mask', buffer: 'polygonRings', dtypes: ['int32'], axes: ['S + 1'] },
  'gtPolygons.objects': { term: 'mask', buffer: 'polygonObjects', dtypes: ['int32'], axes: ['G + 1'] },
} as const satisfies { readonly [K in keyof FlatInputs]-?: Input };

export type InputName = keyof typeof inputs;
export const inputNames = Object.keys(inputs) as readonly InputName[];
export const inputOf = (name: InputName): Input => inputs[name];
/** The term whose gradient an input has. */
export const termOf = (name: GradName): TermName => inputs[name].term;

/** A value for each input. */
export type ByInput<T> = { readonly [K in InputName]?: T | undefined };

const polygonParts = ['points', 'rings', 'objects'] as const;
const knownParts = new Set<string>(polygonParts);
/** The inputs as a caller names them: `gtPolygons` is one. */
export const givenNames: readonly string[] = [
  ...inputNames.filter((name) => !name.startsWith('gtPolygons.')),
  'gtPolygons',
];

/** Inputs as a caller gives them, with the parts of `gtPolygons` apart. */
export function flattenInputs<T>(given: object): ByInput<T> {
  const { gtPolygons, ...others } = given as ByInput<T> & { gtPolygons?: unknown };
  if (gtPolygons === undefined) return others as ByInput<T>;
  checkObject('gtPolygons', gtPolygons, 'an object, { points, rings, objects }');
  const parts = readKeys<{ [K in keyof Polygons]?: T }>('property of gtPolygons', gtPolygons, knownParts);
  return {
    ...others,
    ...Object.fromEntries(polygonParts.map((part) => [`gtPolygons.${part}`, parts[part]])),
  } as ByInput<T>;
}
