import { type Calls, newCall, type TermName, termNames } from './call';
import { checkKeys, checkObject, checkSize } from './check';
import type { Device } from './device';
import { rangeError, show, typeError } from './errors';
import {
  type NativeBatch,
  type NativeBuffers,
  type NativeMemory,
  type NativePending,
  native,
} from './native';
import {
  type ArraySpec,
  checkChannels,
  checkChoice,
  checkMaskSize,
  gradSpecs,
  type InputName,
  inputNames,
  inputSpecs,
  layouts,
  maskGrads,
  nativeShape,
  type StepShape,
} from './shape';
import { Tensor } from './tensor';
import type { FloatType, GradName, HostArray, Layout, LossInputs, MaskGrad } from './types';

interface BatchOptions {
  /** Memory order of `maskLogits` and its gradient. Default `'nchw'`. */
  readonly layout?: Layout | undefined;
  /** The shape of the gradient of `maskLogits`. Default `'dense'`. */
  readonly maskGrad?: MaskGrad | undefined;
  /**
   * Write every byte of the gradients each step. By default a step clears only what the step before wrote, which is
   * much less, and requires that nobody but the batch writes to its gradients.
   */
  readonly rewrite?: boolean | undefined;
}

/** The sizes of a batch whose inputs are to be allocated. */
export interface BatchSizes extends BatchOptions {
  /** R */
  readonly rois: number;
  /** C, background included. */
  readonly classes: number;
  /** [H, W]. Default [28, 28]. */
  readonly maskSize?: readonly [number, number] | undefined;
  /** P, where not every RoI has a mask: the masks then have `maskLabels` of their own. */
  readonly maskRois?: number | undefined;
  /** The terms to make buffers for. Default: all three. */
  readonly terms?: readonly TermName[] | undefined;
  /** The class term takes probabilities (`classProbs`) instead of logits. Default `false`. */
  readonly probabilities?: boolean | undefined;
  /** C (all classes), C − 1 (the foreground) or 1 (class-agnostic). Default C. */
  readonly boxChannels?: number | undefined;
  /** As `boxChannels`. */
  readonly maskChannels?: number | undefined;
  /** Of logits, deltas and gradients. Default `'float32'`. */
  readonly dtype?: FloatType | undefined;
  /** Default `'float32'`. */
  readonly maskTargetType?: FloatType | 'uint8' | undefined;
}

/** Tensors that hold the inputs of a batch. A term none of whose inputs is given is left out. */
export type BatchTensors = BatchOptions & {
  readonly [K in InputName]?: Tensor | undefined;
} & {
  /** C; needed where neither `classLogits` nor `classProbs` tell it. */
  readonly classes?: number | undefined;
};

const batchOptionKeys = ['layout', 'maskGrad', 'rewrite'];
const sizeKeys = new Set([
  ...batchOptionKeys,
  ...['rois', 'classes', 'maskSize', 'maskRois', 'terms', 'probabilities'],
  ...['boxChannels', 'maskChannels', 'dtype', 'maskTargetType'],
]);
const tensorKeys = new Set([...batchOptionKeys, ...inputNames, 'classes']);
const knownInputs = new Set<string>(inputNames);
const floatTypes = ['float32', 'float16', 'bfloat16'] as const;

function shapeOfSizes(o: BatchSizes): StepShape {
  checkKeys('option of batch', o, sizeKeys);
  checkSize('rois', o.rois);
  checkSize('classes', o.classes, 1);
  if (o.maskRois !== undefined) checkSize('maskRois', o.maskRois);
  if (o.terms !== undefined && (!Array.isArray(o.terms) || o.terms.some((term) => !termNames.includes(term))))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `terms is ${show(o.terms)}; expected some of 'class', 'box', 'mask'`,
    );
  const terms = o.terms ?? termNames;
  const dtype = checkChoice('dtype', o.dtype, floatTypes);
  const [height, width] = checkMaskSize(o.maskSize);
  return {
    rois: o.rois,
    classes: o.classes,
    class: terms.includes('class')
      ? { input: o.probabilities ? 'classProbs' : 'classLogits', dtype }
      : undefined,
    box: terms.includes('box')
      ? {
          channels: checkChannels('boxChannels', o.boxChannels ?? o.classes, o.classes),
          dtype,
          targetType: 'float32',
        }
      : undefined,
    mask: terms.includes('mask')
      ? {
          rois: o.maskRois ?? o.rois,
          ownLabels: o.maskRois !== undefined,
          channels: checkChannels('maskChannels', o.maskChannels ?? o.classes, o.classes),
          height,
          width,
          dtype,
          targetType: checkChoice('maskTargetType', o.maskTargetType, [...floatTypes, 'uint8']),
          layout: checkChoice('layout', o.layout, layouts),
          maskGrad: checkChoice('maskGrad', o.maskGrad, maskGrads),
        }
      : undefined,
  };
}

/** A tensor that must be there, of the given rank, of one of the given types. */
function need<T extends string>(o: BatchTensors, name: InputName, rank: number, dtypes: readonly T[]) {
  const tensor: unknown = o[name];
  if (!(tensor instanceof Tensor))
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is ${show(tensor)}; expected a Tensor`);
  tensor.memory(name);
  if (tensor.shape.length !== rank)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has the shape [${tensor.shape.join(', ')}]; expected ${rank} dimensions, not ${tensor.shape.length}`,
    );
  if (!dtypes.includes(tensor.dtype as string as T))
    throw typeError('ERR_ROI_LOSS_DTYPE', `${name} is ${tensor.dtype}; expected ${dtypes.join(' or ')}`);
  return { sizes: tensor.shape as readonly number[], dtype: tensor.dtype as string as T };
}

const size = (sizes: readonly number[], axis: number) => sizes[axis] as number;

function shapeOfTensors(o: BatchTensors): StepShape {
  checkKeys('option of batch', o, tensorKeys);
  if (o.classLogits && o.classProbs)
    throw typeError('ERR_ROI_LOSS_OPTION', 'classLogits and classProbs are both given; expected one of them');
  const classInput = o.classProbs ? 'classProbs' : 'classLogits';
  const scores = o[classInput] && need(o, classInput, 2, floatTypes);
  const classes = o.classes ?? (scores && size(scores.sizes, 1));
  checkSize('classes', classes, 1);
  const deltas = (o.boxDeltas || o.boxTargets) && need(o, 'boxDeltas', 3, floatTypes);
  const masks = (o.maskLogits || o.maskTargets || o.maskLabels) && need(o, 'maskLogits', 4, floatTypes);
  const labels = (scores || deltas || !o.maskLabels || o.labels) && need(o, 'labels', 1, ['int32']);
  const layout = checkChoice('layout', o.layout, layouts);
  const [channelAxis, heightAxis, widthAxis] = layout === 'nhwc' ? [3, 1, 2] : [1, 2, 3];
  return {
    rois: labels ? size(labels.sizes, 0) : 0,
    classes,
    class: scores && { input: classInput, dtype: scores.dtype },
    box: deltas && {
      channels: checkChannels('boxDeltas.shape[1]', size(deltas.sizes, 1), classes),
      dtype: deltas.dtype,
      targetType: need(o, 'boxTargets', 2, floatTypes).dtype,
    },
    mask: masks && {
      rois: size(masks.sizes, 0),
      ownLabels: o.maskLabels !== undefined,
      channels: checkChannels(`maskLogits.shape[${channelAxis}]`, size(masks.sizes, channelAxis), classes),
      height: size(masks.sizes, heightAxis),
      width: size(masks.sizes, widthAxis),
      dtype: masks.dtype,
      targetType: need(o, 'maskTargets', 3, [...floatTypes, 'uint8'] as const).dtype,
      layout,
      maskGrad: checkChoice('maskGrad', o.maskGrad, maskGrads),
    },
  };
}

function checkTensor(name: string, tensor: Tensor | undefined, spec: ArraySpec, device: Device): Tensor {
  if (!tensor) throw typeError('ERR_ROI_LOSS_TYPE', `${name} is missing; expected a Tensor ${spec.symbols}`);
  if (tensor.device !== device)
    throw typeError(
      'ERR_ROI_LOSS_DEVICE',
      `${name} is a tensor of another device; expected one of this device`,
    );
  if (tensor.dtype !== spec.dtype)
    throw typeError('ERR_ROI_LOSS_DTYPE', `${name} is ${tensor.dtype}; expected ${spec.dtype}`);
  if (tensor.shape.join() !== spec.shape.join())
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has the shape [${tensor.shape.join(', ')}]; expected ${spec.symbols} = [${spec.shape.join(', ')}]`,
    );
  return tensor;
}

type Tensors<K extends string> = { readonly [N in K]?: Tensor };

/** The buffers of `nativeShape` under their native names. */
function nativeBuffers(batch: {
  inputs: Tensors<InputName>;
  grads: Tensors<GradName>;
  perRoi: Tensors<TermName>;
  written: Tensors<'box' | 'mask'>;
}): NativeBuffers<NativeMemory> {
  const { inputs, grads, perRoi, written } = batch;
  const tensors = {
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
    boxWritten: written.box,
    maskWritten: written.mask,
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor?.memory(name)]));
}

/**
 * The inputs and gradients of a step, in a device's memory, made once and used for many steps. Made by `device.batch`.
 * Gradients hold zeros until the first step; nobody but the batch may write to them, unless it was made with `rewrite`.
 */
export class Batch implements Disposable {
  readonly device: Device;
  /** The inputs, by name; writable at any time. */
  readonly inputs: Tensors<InputName>;
  /** The gradients that the last step left, by the input's name. */
  readonly grads: Tensors<GradName>;
  /** @internal */
  readonly shape: StepShape;
  /** @internal The numbers of a call, reused by every step. */
  readonly call = newCall();
  /** @internal Losses by RoI, and the step that left them. */
  readonly perRoi: Tensors<TermName>;
  /** @internal */
  readonly perRoiOwner: { [K in TermName]?: object } = {};
  readonly #native: NativeBatch;
  /** What the batch allocated. */
  readonly #own: Tensor[] = [];
  #disposed = false;

  /** @internal */
  constructor(device: Device, options: BatchSizes | BatchTensors) {
    checkObject('options', options);
    this.device = device;
    this.shape = 'rois' in options ? shapeOfSizes(options) : shapeOfTensors(options);
    const given: BatchTensors = 'rois' in options ? {} : options;
    const { rewrite = false } = options;
    if (typeof rewrite !== 'boolean')
      throw typeError('ERR_ROI_LOSS_OPTION', `rewrite is ${show(rewrite)}; expected true or false`);

    const make = (name: string, spec: ArraySpec) => {
      const tensor = device.allocate(name, spec.shape, spec.dtype);
      this.#own.push(tensor);
      return tensor;
    };
    const each = <K extends string>(
      specs: { [N in K]?: ArraySpec },
      use: (name: K, spec: ArraySpec) => Tensor,
    ): Tensors<K> =>
      Object.fromEntries(
        Object.entries<ArraySpec | undefined>(specs).flatMap(([name, spec]) =>
          spec ? [[name, use(name as K, spec)]] : [],
        ),
      ) as Tensors<K>;

    const { rois, box, mask } = this.shape;
    const perRoi = (count: number, dtype: 'float32' | 'int32'): ArraySpec => ({
      shape: [count],
      symbols: '',
      dtype,
    });
    const ofMasks = (dtype: 'float32' | 'int32') => (mask ? { mask: perRoi(mask.rois, dtype) } : {});
    const ofBoxes = (dtype: 'float32' | 'int32') => (box ? { box: perRoi(rois, dtype) } : {});
    try {
      this.inputs = each(inputSpecs(this.shape), (name, spec) =>
        'rois' in options ? make(name, spec) : checkTensor(name, given[name], spec, device),
      );
      this.grads = each(gradSpecs(this.shape), make);
      this.perRoi = each(
        {
          ...(this.shape.class ? { class: perRoi(rois, 'float32') } : {}),
          ...ofBoxes('float32'),
          ...ofMasks('float32'),
        },
        make,
      );
      const written = rewrite ? {} : each({ ...ofBoxes('int32'), ...ofMasks('int32') }, make);
      this.#native = new native.Batch(
        device.handle,
        nativeShape(this.shape, rewrite ? 'rewrite' : 'sparse'),
        nativeBuffers({ inputs: this.inputs, grads: this.grads, perRoi: this.perRoi, written }),
      );
    } catch (error) {
      for (const tensor of this.#own) tensor.dispose();
      throw error;
    }
  }

  /**
   * Copies arrays into the inputs, after the steps that were enqueued before. The arrays may be reused on return.
   * @param arrays any of the inputs, each as long as its tensor
   * @throws `ERR_ROI_LOSS_OPTION` for a name that is no input of this batch, and what `Tensor.write` throws
   */
  write(arrays: { readonly [K in InputName]?: HostArray | undefined } | LossInputs): void {
    this.checkUsable();
    checkObject('inputs', arrays);
    checkKeys('input', arrays, knownInputs);
    for (const [name, array] of Object.entries(arrays) as [InputName, HostArray | undefined][]) {
      if (array === undefined) continue;
      const tensor = this.inputs[name];
      if (!tensor)
        throw typeError(
          'ERR_ROI_LOSS_OPTION',
          `${name} is no input of this batch; expected ${Object.keys(this.inputs).join(', ')}`,
        );
      tensor.writeAs(name, array);
    }
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees the gradients, and the inputs that the batch allocated, once the steps in flight are done with them. */
  dispose(): void {
    this.#disposed = true;
    for (const tensor of this.#own) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Throws unless the batch and all it works on can be used. */
  checkUsable(): void {
    if (this.#disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', 'batch has been disposed');
    this.device.checkUsable();
    for (const name in this.inputs) {
      if (this.inputs[name as InputName]?.disposed)
        throw typeError('ERR_ROI_LOSS_DISPOSED', `${name} has been disposed`);
    }
    for (const name in this.grads) {
      if (this.grads[name as GradName]?.disposed)
        throw typeError('ERR_ROI_LOSS_DISPOSED', `grads.${name} has been disposed`);
    }
  }

  /** @internal Runs or enqueues the step that `this.call` and `calls` describe. */
  run(calls: Calls): NativePending | undefined {
    const { class: classCall, box, mask } = calls;
    return this.#native.run(
      this.call,
      classCall?.weights,
      classCall?.upstream,
      box?.upstream,
      mask?.upstream,
    );
  }
}
