import { newCall } from './call';
import { type KnownOptions, writeAll, writeOne } from './calls';
import { product } from './check';
import type { Device } from './device';
import { deviceOf } from './devices';
import { callNative } from './errors';
import type { InputArrays } from './host-shape';
import { termOf } from './inputs';
import type { NativeBuffers } from './native';
import { flag } from './numbers';
import type { Calls } from './options';
import { present } from './present';
import { classMetrics, lossesOf, lossOf, maskMetrics, metricsOf } from './results';
import {
  type ArraySpec,
  gradSpecs,
  nativeShape,
  perRoiSpecs,
  type StepShape,
  stepBuffers,
  targetSpecs,
} from './shape';
import type { TermName } from './terms';
import type { FusedLossOptions, GradName, HostArray, Targets, TermLoss, TermOptions } from './types';

/** Options of calls on host arrays, which say how to read them and where to run. */
export interface HostOptions {
  /** C, the number of classes including background, 2 or more. May be left out where the class logits tell it. */
  readonly classes?: number | undefined;
  /** The device that computes. Default: the CPU. */
  readonly device?: Device | string | undefined;
  /** Whether the targets that are made from objects come back as `targets`, for a look at them. Default `false`. */
  readonly targets?: boolean | undefined;
}

/** What comes out of a step over host arrays. */
interface HostOutputs {
  readonly grads: { readonly [K in GradName]?: Float32Array };
  readonly perRoi: {
    readonly class?: Float32Array;
    readonly box?: Float32Array;
    readonly mask?: Float32Array;
  };
  readonly targets: Targets | undefined;
}

/** Runs the step that `call` describes, to the end. */
function runOnHost(
  device: unknown,
  call: Float64Array,
  inputs: InputArrays,
  shape: StepShape,
  terms: Calls,
  wantsTargets: unknown = false,
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
  const targets = flag('', 'targets', wantsTargets) ? arrays(targetSpecs(shape), () => true) : undefined;
  const buffers: NativeBuffers<HostArray> = {
    ...stepBuffers<HostArray>(inputs, grads, perRoi),
    boxTargetsOut: targets?.boxTargets,
    maskTargetsOut: targets?.maskTargets,
    classWeights: terms.class?.weights,
    'class.backward': terms.class?.upstream,
    'box.backward': terms.box?.upstream,
    'mask.backward': terms.mask?.upstream,
  };
  callNative(() => deviceOf(device).handle.run(call, nativeShape(shape, 'fresh'), buffers));
  return { grads, perRoi, targets };
}

const metricsReaders = { class: classMetrics, box: undefined, mask: maskMetrics };

/** The results of one term over arrays that are known to have this shape, and options known by name. */
export function termOnHost(
  term: TermName,
  inputs: InputArrays,
  shape: StepShape,
  options: TermOptions & HostOptions,
): TermLoss<unknown> & { readonly grad?: Float32Array } {
  const call = newCall();
  const calls = writeOne(call, term, options, shape);
  const { grads, perRoi, targets } = runOnHost(options.device, call, inputs, shape, calls, options.targets);
  const [grad] = Object.values(grads);
  const metrics = calls[term]?.metrics ? metricsReaders[term]?.(call) : undefined;
  return { loss: lossOf(call, term), ...present({ grad, perRoi: perRoi[term], metrics, targets }) };
}

/** The results of all terms of `shape`, the same way; of the options within `options` those in `known` are allowed. */
export function wholeOnHost(
  inputs: InputArrays,
  shape: StepShape,
  options: FusedLossOptions & HostOptions,
  known: KnownOptions,
) {
  const call = newCall();
  const calls = writeAll(call, options, shape, known);
  const { grads, perRoi, targets } = runOnHost(options.device, call, inputs, shape, calls, options.targets);
  return {
    losses: lossesOf(call),
    grads,
    ...present({
      perRoi: Object.keys(perRoi).length > 0 ? perRoi : undefined,
      metrics: metricsOf(call),
      targets,
    }),
  };
}
