import { deviceOf } from './devices';
import { callNative } from './errors';
import type { NativeBuffers } from './native';
import type { Calls, TermCall } from './options';
import { gradSpecs, nativeShape, type StepShape, stepBuffers } from './shape';
import type { GradName, HostArray, LossInputs } from './types';

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
  const specs = gradSpecs(shape);
  const grad = (name: GradName, term: TermCall | undefined) => {
    const spec = specs[name];
    return spec && term?.gradient
      ? new Float32Array(spec.shape.reduce((product, size) => product * size, 1))
      : undefined;
  };
  const grads = {
    classLogits: grad('classLogits', terms.class),
    classProbs: grad('classProbs', terms.class),
    boxDeltas: grad('boxDeltas', terms.box),
    maskLogits: grad('maskLogits', terms.mask),
  };
  const each = (term: TermCall | undefined, rois: number) =>
    term?.reduction === 'none' ? new Float32Array(rois) : undefined;
  const perRoi = {
    class: each(terms.class, shape.rois),
    box: each(terms.box, shape.rois),
    mask: each(terms.mask, shape.mask?.rois ?? 0),
  };
  const buffers: NativeBuffers<HostArray> = {
    ...stepBuffers<HostArray>(inputs, grads, perRoi),
    classWeights: terms.class?.weights,
    'class.backward': terms.class?.upstream,
    'box.backward': terms.box?.upstream,
    'mask.backward': terms.mask?.upstream,
  };
  callNative(() => deviceOf(device).handle.run(call, nativeShape(shape, 'fresh'), buffers));
  return { grads: present(grads), perRoi: present(perRoi) };
}

/** An object without its undefined properties. */
export function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
