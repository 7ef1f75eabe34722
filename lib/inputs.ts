import type { TermName } from './terms';
import type { DType, GradName, LossInputs } from './types';

// The inputs of a step. A new one is a line here, its documentation in types.ts, and a line in native/buffers.h.

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
} as const satisfies { readonly [K in keyof LossInputs]-?: Input };

export type InputName = keyof typeof inputs;
export const inputNames = Object.keys(inputs) as readonly InputName[];
export const inputOf = (name: InputName): Input => inputs[name];
/** The term whose gradient an input has. */
export const termOf = (name: GradName): TermName => inputs[name].term;
