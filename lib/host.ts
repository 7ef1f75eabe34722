import { CallRow } from './call';
import { type KnownOptions, writeAll, writeOne } from './calls';
import { product } from './check';
import type { Device } from './device';
import { deviceOf } from './devices';
import { callNative } from './errors';
import type { InputArrays } from './host-shape';
import { flag } from './numbers';
import type { Calls } from './options';
import { checkApart, forget, gradArrays, type Out, outOfTerm, readOut, writtenTo } from './out';
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
import { type TermName, termNames } from './terms';
import type {
  FusedLossOptions,
  GradName,
  HostArray,
  Losses,
  Metrics,
  OutOption,
  OutOptions,
  Targets,
  TermLoss,
  TermOptions,
} from './types';

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

/**
 * Adds what the steps before left in the gradients that have channels. Of new arrays, too, for the caller may give them back
 * as `out`.
 */
function addWritten(
  buffers: { [name: string]: HostArray | undefined },
  shape: StepShape,
  grads: HostOutputs['grads'],
  out: Out,
): void {
  const { classLogits, classProbs, boxDeltas, maskLogits } = grads;
  const specs = gradSpecs(shape);
  const written = (name: GradName, array: Float32Array | undefined) => {
    const spec = specs[name];
    if (!array || !spec) return undefined;
    const layout = `${name} ${shape.mask?.layout} ${spec.shape}`;
    return writtenTo(array, layout, spec.shape[0] as number, out[name] === undefined);
  };
  for (const array of [classLogits, classProbs]) if (array) forget(array);
  buffers.boxWritten = written('boxDeltas', boxDeltas);
  buffers.maskWritten = written('maskLogits', maskLogits);
}

/** New arrays of the specs whose name is needed. */
function newArrays<K extends string>(
  specs: { readonly [N in K]?: ArraySpec },
  isNeeded: (name: K) => boolean | undefined,
): { readonly [N in K]?: Float32Array } {
  const arrays: { [N in K]?: Float32Array } = {};
  for (const name in specs) {
    const spec = specs[name];
    if (spec && isNeeded(name)) arrays[name] = new Float32Array(product(spec.shape));
  }
  return arrays;
}

/** Runs the step that `call` describes, to the end. */
function runOnHost(
  options: { readonly device?: unknown; readonly targets?: unknown },
  call: Float64Array,
  inputs: InputArrays,
  shape: StepShape,
  terms: Calls,
  out: Out,
): HostOutputs {
  const grads = gradArrays(shape, (term) => terms[term]?.gradient ?? false, out);
  const isPerRoi = (term: TermName) => terms[term]?.reduction === 'none';
  const perRoi = termNames.some(isPerRoi) ? newArrays(perRoiSpecs(shape), isPerRoi) : {};
  const wantsTargets = flag('', 'targets', options.targets ?? false);
  const targets = wantsTargets ? newArrays(targetSpecs(shape), () => true) : undefined;
  const { class: cls, box, mask } = terms;
  const ofStep = {
    classWeights: cls?.weights,
    'class.backward': cls?.upstream,
    'box.backward': box?.upstream,
    'mask.backward': mask?.upstream,
  };
  const device = deviceOf(options.device);
  const buffers = Object.assign(stepBuffers<HostArray>(inputs, grads, perRoi), ofStep);
  buffers.boxTargetsOut = targets?.boxTargets;
  buffers.maskTargetsOut = targets?.maskTargets;
  const hasOut = Object.keys(out).length > 0;
  // A GPU copies its gradients back whole.
  const isSparse = hasOut && device.name === 'cpu';
  if (hasOut) checkApart(out, { ...inputs }, ofStep);
  if (isSparse) addWritten(buffers, shape, grads, out);
  else if (hasOut) for (const array of Object.values(grads)) forget(array);
  callNative(() => device.handle.run(call, nativeShape(shape, isSparse ? 'sparse' : 'fresh'), buffers));
  return { grads, perRoi, targets };
}

const metricsReaders = { class: classMetrics, box: undefined, mask: maskMetrics };

const row = new CallRow();

/** The input by which the gradient of a term is. */
const gradOf = (term: TermName, { class: scores }: StepShape): GradName =>
  (({ class: scores?.input ?? 'classLogits', box: 'boxDeltas', mask: 'maskLogits' }) as const)[term];

/** The results of one term over arrays that are known to have this shape, and options known by name. */
export function termOnHost(
  term: TermName,
  inputs: InputArrays,
  shape: StepShape,
  options: TermOptions & HostOptions & OutOption,
): TermLoss<unknown> & { readonly grad?: Float32Array } {
  const call = row.take();
  try {
    const calls = writeOne(call, term, options, shape);
    const out = outOfTerm(gradOf(term, shape), options.out);
    const { grads, perRoi, targets } = runOnHost(options, call, inputs, shape, calls, out);
    const [grad] = Object.values(grads);
    const metrics = calls[term]?.metrics ? metricsReaders[term]?.(call) : undefined;
    return { loss: lossOf(call, term), ...present({ grad, perRoi: perRoi[term], metrics, targets }) };
  } finally {
    row.giveBack(call);
  }
}

/** The results of all terms of `shape`, the same way; of the options within `options` those in `known` are allowed. */
export function wholeOnHost(
  inputs: InputArrays,
  shape: StepShape,
  options: FusedLossOptions & HostOptions & OutOptions,
  known: KnownOptions,
): Pick<HostOutputs, 'grads'> & {
  readonly losses: Losses;
  readonly perRoi?: HostOutputs['perRoi'];
  readonly metrics?: Metrics;
  readonly targets?: Targets;
} {
  const call = row.take();
  try {
    const calls = writeAll(call, options, shape, known);
    const out = readOut(options.out);
    const { grads, perRoi, targets } = runOnHost(options, call, inputs, shape, calls, out);
    return {
      losses: lossesOf(call),
      grads,
      ...present({
        perRoi: Object.keys(perRoi).length > 0 ? perRoi : undefined,
        metrics: metricsOf(call),
        targets,
      }),
    };
  } finally {
    row.giveBack(call);
  }
}
