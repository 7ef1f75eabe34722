import type { Calls, TermCall } from './call';
import { arrayName, checkArray, checkKeys, checkObject, checkSize, lengthOf } from './check';
import { deviceOf } from './device';
import { dtypes } from './dtypes';
import { callNative, rangeError, show, typeError } from './errors';
import type { NativeBuffers } from './native';
import {
  type ArraySpec,
  checkChannels,
  checkChoice,
  checkMaskSize,
  gradSpecs,
  inputNames,
  inputSpecs,
  layouts,
  type MaskShape,
  maskGrads,
  nativeShape,
  type StepShape,
  stepBuffers,
} from './shape';
import type { GradName, HostArray, HostMaskOptions, HostOptions, LossInputs } from './types';

// Steps over arrays of the host: the shapes follow from the arrays' lengths, C and [H, W].

const knownInputs = new Set<string>(inputNames);

/** The inputs, read once, each checked to be a typed array of a class it may have. */
export function readInputs(inputs: unknown): LossInputs {
  checkObject('inputs', inputs);
  checkKeys('input', inputs, knownInputs);
  const { classLogits, classProbs, boxDeltas, boxTargets, maskLogits, maskTargets, labels, maskLabels } =
    inputs as LossInputs;
  const arrays: LossInputs = {
    classLogits,
    classProbs,
    boxDeltas,
    boxTargets,
    maskLogits,
    maskTargets,
    labels,
    maskLabels,
  };
  for (const name of inputNames) {
    if (arrays[name] === undefined) continue;
    if (name === 'maskTargets') checkArray(name, arrays[name], 'Float32Array', 'Uint8Array');
    else if (name === 'labels' || name === 'maskLabels') checkArray(name, arrays[name], 'Int32Array');
    else checkArray(name, arrays[name], 'Float32Array');
  }
  return arrays;
}

function need<K extends keyof LossInputs>(inputs: LossInputs, name: K): NonNullable<LossInputs[K]> {
  const array = inputs[name];
  if (array === undefined)
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is missing; expected all inputs of a term`);
  return array;
}

/** How many channels an array of `rois` × channels × `rest` elements has: C, C − 1 or 1. */
function channelsOf(name: string, array: HostArray, rois: number, rest: number, classes: number): number {
  const length = lengthOf(array);
  if (rois === 0 && length === 0) return classes;
  const channels = length / (rois * rest);
  if (channels === classes || channels === classes - 1 || channels === 1)
    return checkChannels(name, channels, classes);
  const choices = [...new Set([classes, classes - 1, 1])].filter((n) => n > 0);
  throw rangeError(
    'ERR_ROI_LOSS_SHAPE',
    `${name} has ${length} elements; expected ${choices
      .map((n) => `${rois}·${n}·${rest} = ${rois * n * rest}`)
      .join(' or ')} (${rois} RoIs; ${classes} classes, the foreground of them, or 1; ${rest} each)`,
  );
}

function classesOf(inputs: LossInputs, option: number | undefined, rois: number): number {
  if (option !== undefined) {
    checkSize('classes', option, 1);
    return option;
  }
  const scores = inputs.classLogits ?? inputs.classProbs;
  if (!scores)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `classes is ${show(option)}; expected C, the number of classes with background`,
    );
  if (rois === 0) return 1;
  const classes = lengthOf(scores) / rois;
  if (!Number.isInteger(classes) || classes < 1)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${inputs.classLogits ? 'classLogits' : 'classProbs'} has ${lengthOf(scores)} elements; expected a multiple of ${rois}, the length of labels`,
    );
  return classes;
}

function maskShape(inputs: LossInputs, options: HostMaskOptions, classes: number): MaskShape {
  const [height, width] = checkMaskSize(options.maskSize);
  const rois = lengthOf(inputs.maskLabels ?? need(inputs, 'labels'));
  const targets = need(inputs, 'maskTargets');
  return {
    rois,
    ownLabels: inputs.maskLabels !== undefined,
    channels: channelsOf('maskLogits', need(inputs, 'maskLogits'), rois, height * width, classes),
    height,
    width,
    dtype: 'float32',
    targetType: arrayName(targets) === 'Uint8Array' ? 'uint8' : 'float32',
    layout: checkChoice('layout', options.layout, layouts),
    maskGrad: checkChoice('maskGrad', options.maskGrad, maskGrads),
  };
}

/** Which terms are asked for. */
export interface Terms {
  readonly class: boolean;
  readonly box: boolean;
  readonly mask: boolean;
}

/** The terms that the inputs are for. */
export function termsOf(inputs: LossInputs): Terms {
  const terms = {
    class: inputs.classLogits !== undefined || inputs.classProbs !== undefined,
    box: inputs.boxDeltas !== undefined || inputs.boxTargets !== undefined,
    mask:
      inputs.maskLogits !== undefined || inputs.maskTargets !== undefined || inputs.maskLabels !== undefined,
  };
  if (!terms.class && !terms.box && !terms.mask)
    throw typeError(
      'ERR_ROI_LOSS_TYPE',
      'inputs has no logits, probabilities or deltas; expected those of a term',
    );
  return terms;
}

function checkLength(name: string, array: HostArray, spec: ArraySpec): void {
  const expected = spec.shape.reduce((product, size) => product * size, 1);
  if (lengthOf(array) !== expected)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has ${lengthOf(array)} elements; expected ${expected}, the shape ${spec.symbols} = [${spec.shape.join(', ')}]`,
    );
}

/** Finds the shape of a step from its arrays and checks every array against it. */
export function shapeOfInputs(
  inputs: LossInputs,
  options: HostOptions & HostMaskOptions,
  terms: Terms,
): StepShape {
  const labels = terms.class || terms.box ? need(inputs, 'labels') : inputs.labels;
  const rois = labels ? lengthOf(labels) : 0;
  const classes = classesOf(inputs, options.classes, rois);
  if (terms.class && inputs.classLogits && inputs.classProbs)
    throw typeError('ERR_ROI_LOSS_OPTION', 'classLogits and classProbs are both given; expected one of them');
  if (terms.class && !inputs.classLogits) need(inputs, 'classProbs');
  const shape: StepShape = {
    rois,
    classes,
    class: terms.class
      ? { input: inputs.classLogits ? 'classLogits' : 'classProbs', dtype: 'float32' }
      : undefined,
    box: terms.box
      ? {
          channels: channelsOf('boxDeltas', need(inputs, 'boxDeltas'), rois, 4, classes),
          dtype: 'float32',
          targetType: 'float32',
        }
      : undefined,
    mask: terms.mask ? maskShape(inputs, options, classes) : undefined,
  };
  const specs = inputSpecs(shape);
  for (const name of inputNames) {
    const spec = specs[name];
    if (spec) checkLength(name, need(inputs, name), spec);
  }
  return shape;
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
  const specs = gradSpecs(shape);
  const grad = (name: GradName, term: TermCall | undefined) => {
    const spec = specs[name];
    return spec && term?.gradient
      ? (new dtypes.float32.host(spec.shape.reduce((product, size) => product * size, 1)) as Float32Array)
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
    classUpstream: terms.class?.upstream,
    boxUpstream: terms.box?.upstream,
    maskUpstream: terms.mask?.upstream,
  };
  callNative(() => deviceOf(device).handle.run(call, nativeShape(shape, 'fresh'), buffers));
  return { grads: present(grads), perRoi: present(perRoi) };
}

/** An object without its undefined properties. */
export function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
