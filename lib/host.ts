import { product } from './check';
import type { Device } from './device';
import { deviceOf } from './devices';
import { callNative } from './errors';
import { termOf } from './inputs';
import type { NativeBuffers } from './native';
import type { Calls } from './options';
import { type ArraySpec, gradSpecs, nativeShape, perRoiSpecs, type StepShape, stepBuffers } from './shape';
import type { GradName, HostArray, LossInputs } from './types';

/** Options of calls on host arrays, which say how to read them and where to run. */
export interface HostOptions {
  /** C, the number of classes including background, 2 or more. May be left out where the class logits tell it. */
  readonly classes?: number | undefined;
  /** The device that computes. Default: the CPU. */
  readonly device?: Device | string | undefined;
}

/** What comes out of a step over host arrays. */
export interface HostOutputs {
  readonly grads: { readonly [K in GradName]?: Float32Array };
  readonly perRoi: {
    readonly class?: Float32Array;
    readonly box?: Float32Array;
    readonly mask?: Float32Array;
  };
}

/** Runs the step that `call` describes, to the end. */
export function runOnHost(
  device: unknown,
  call: Float64Array,
  inputs: LossInputs,
  shape: StepShape,
  terms: Calls,
): HostOutputs {
  const arrays = <K extends string>(
    specs: { readonly [N in K]?: ArraySpec },
    isNeeded: (name: K) => boolean | undefined,
  ) =>
    Object.fromEntries(
      Object.entries<ArraySpec | undefined>(specs).flatMap(([name, spec]) =>
        spec && isNeeded(name as K) ? [[name, new Float32Array(product(spec.shape))]] : [],
      ),
    ) as { readonly [N in K]?: Float32Array };
  const grads = arrays(gradSpecs(shape), (name) => terms[termOf(name)]?.gradient);
  const perRoi = arrays(perRoiSpecs(shape), (term) => terms[term]?.reduction === 'none');
  const buffers: NativeBuffers<HostArray> = {
    ...stepBuffers<HostArray>(inputs, grads, perRoi),
    classWeights: terms.class?.weights,
    'class.backward': terms.class?.upstream,
    'box.backward': terms.box?.upstream,
    'mask.backward': terms.mask?.upstream,
  };
  callNative(() => deviceOf(device).handle.run(call, nativeShape(shape, 'fresh'), buffers));
  return { grads, perRoi };
}
