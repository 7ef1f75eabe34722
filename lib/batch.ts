import {
  type BatchBuffers,
  free,
  makeBuffers,
  namedTensors,
  nativeBuffers,
  withNames,
} from './batch-buffers';
import {
  areTensors,
  type BatchSizes,
  type BatchTensors,
  type FlatTensors,
  shapeOfSizes,
  shapeOfTensors,
  sizeKeys,
  tensorKeys,
} from './batch-shape';
import { CallRow } from './call';
import { checkMade, checkObject, readKeys } from './check';
import type { Device } from './device';
import { callNative, plainError, show, typeError } from './errors';
import { Graph } from './graph';
import { ofThisThread } from './handles';
import { flattenInputs, givenNames, type InputName, inputNames } from './inputs';
import { type NativeBatch, type NativePending, native } from './native';
import { flag } from './numbers';
import type { Calls } from './options';
import { gradNames, nativeShape, type StepShape } from './shape';
import type { LossStep, MakeStep, PerRoiReader, TermStep } from './step';
import type { Tensor } from './tensor';
import { type TermName, termNames } from './terms';
import type { GradName, LossInputs, Polygons, Written } from './types';

const knownInputs = new Set<string>(givenNames);
const ofThread = ofThisThread('Batch');

// biome-ignore lint/suspicious/noExplicitAny: metrics of any term
type AnyStep = LossStep | TermStep<any>;

interface Capture {
  graph?: Graph<AnyStep>;
  step?: AnyStep;
}

/** Arrays for the inputs of a batch, by name. */
type WrittenInputs = {
  readonly [K in Exclude<keyof LossInputs, 'gtPolygons'>]?: Written | undefined;
} & { readonly gtPolygons?: { readonly [K in keyof Polygons]?: Written | undefined } | undefined };

/**
 * The inputs and gradients of a step, in a device's memory, made once and used for many steps. Made by `device.batch`.
 * Gradients hold zeros until the first step; nobody but the batch may write to them, unless it was made with `rewrite`.
 */
export class Batch implements Disposable {
  readonly device: Device;
  /** The inputs, by name; writable at any time. Asking for one that the batch does not have throws. */
  readonly inputs: { readonly [K in InputName]: Tensor };
  /** The gradients that the last step left, by the input's name. Asking for one that is not there throws. */
  readonly grads: { readonly [K in GradName]: Tensor };
  /** @internal */
  readonly shape: StepShape;
  /** @internal */
  readonly thread = ofThread;
  readonly #native: NativeBatch;
  /** @internal The numbers of its steps, which native code has at hand. */
  readonly row = new CallRow();
  /** Its inputs and gradients, with the names that errors give them. */
  readonly #tensors: readonly (readonly [string, Tensor])[];
  readonly #buffers: BatchBuffers;
  /** The steps that left the losses by RoI. */
  readonly #perRoiOwner: { [K in TermName]?: object } = {};
  /** What is captured at the moment, if something is: the step that was recorded, once there is one. */
  #capture: Capture | undefined;
  #disposed = false;

  private constructor(device: Device, options: BatchSizes | BatchTensors) {
    checkMade(device, 'Batch', 'device.batch()');
    checkObject('options', options);
    this.device = device;
    const sizes = areTensors(options)
      ? undefined
      : readKeys<BatchSizes>('option of batch', options as BatchSizes, sizeKeys);
    const given: FlatTensors = sizes
      ? {}
      : flattenInputs(readKeys<BatchTensors>('option of batch', options as BatchTensors, tensorKeys));
    this.shape = sizes ? shapeOfSizes(sizes) : shapeOfTensors(given);
    const rewrite = flag('', 'rewrite', (sizes ?? given).rewrite ?? false);
    const buffers = makeBuffers(device, this.shape, sizes ? undefined : given, rewrite);
    this.#buffers = buffers;
    try {
      const shape = nativeShape(this.shape, rewrite ? 'rewrite' : 'sparse');
      this.#native = callNative(
        () => new native.Batch(device.handle, shape, nativeBuffers(buffers), this.row.numbers),
      );
    } catch (error) {
      free(buffers.own);
      throw error;
    }
    this.inputs = withNames(buffers.inputs, inputNames, 'input');
    this.grads = withNames(buffers.grads, gradNames, 'gradient');
    this.#tensors = namedTensors(buffers);
  }

  /** @internal */
  static create(device: Device, options: BatchSizes | BatchTensors): Batch {
    return new Batch(device, options);
  }

  /** @internal Whether `value` is one, and no Proxy or heir of one. */
  static is(value: unknown): value is Batch {
    return typeof value === 'object' && value !== null && #native in value;
  }

  /**
   * Copies arrays into the inputs, after the steps that were enqueued before. The arrays may be reused on return.
   * @param arrays any of the inputs, each as long as its tensor
   * @throws `ERR_ROI_LOSS_TYPE` for an input that this batch does not have, and what `Tensor.write` throws
   */
  write(arrays: WrittenInputs | LossInputs): void {
    this.checkUsable();
    checkObject('inputs', arrays);
    const given = flattenInputs<Written>(readKeys('input', arrays, knownInputs));
    for (const [name, array] of Object.entries(given) as [InputName, Written | undefined][]) {
      if (array !== undefined) this.inputs[name].writeAs(name, array);
    }
  }

  /**
   * Captures a step, to be launched again and again over whatever the batch then holds: its options are checked and its
   * class weights and upstream gradients copied once, and on a GPU a launch is that of a CUDA graph. The results are
   * the same bits as those of the step itself.
   *
   * A step is a single kernel however it is run, so this spares the host some work and the GPU little: the copies, and
   * the extra launches of a batch whose terms differ in `dtype`.
   *
   * @param record calls one of the loss functions on the batch, once, and returns its step, which does not run:
   * `batch.capture(() => fusedLoss(batch, { mask: { kind: 'dice' } }))`. Nothing else may use the device meanwhile
   * @throws `ERR_ROI_LOSS_CAPTURE` for anything else in `record`, and what the loss function throws
   */
  capture<S extends AnyStep>(record: (batch: this) => S): Graph<S> {
    this.device.checkUsable();
    this.checkUsable();
    if (typeof record !== 'function')
      throw typeError(
        'ERR_ROI_LOSS_TYPE',
        `record is ${show(record)}; expected a function that returns a step`,
      );
    const capture: Capture = {};
    this.#capture = capture;
    this.device.capturing = this;
    let returned: unknown;
    try {
      returned = record(this);
    } catch (error) {
      capture.graph?.dispose();
      throw error;
    } finally {
      this.#capture = undefined;
      this.device.capturing = undefined;
    }
    if (capture.graph && capture.step === returned) return capture.graph as Graph<S>;
    capture.graph?.dispose();
    throw plainError(
      'ERR_ROI_LOSS_CAPTURE',
      `record returned ${show(returned)}; expected the step of a loss function that it called on this batch`,
    );
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees the gradients, and the inputs that the batch allocated, once the steps in flight are done with them. */
  dispose(): void {
    this.#disposed = true;
    this.#native.dispose();
    free(this.#buffers.own);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Throws unless the batch and all it works on can be used. */
  checkUsable(): void {
    if (this.#disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', 'batch has been disposed');
    this.device.checkUsable(this);
    for (const [name, tensor] of this.#tensors)
      if (tensor.disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', `${name} has been disposed`);
  }

  /** The losses by RoI that `step` left. */
  readonly #readPerRoi = async (step: object, term: TermName): Promise<Float32Array> => {
    if (this.#perRoiOwner[term] !== step)
      throw plainError('ERR_ROI_LOSS_STALE', `the batch's ${term} losses by RoI are those of a later step`);
    return (await this.#buffers.perRoi[term]?.read()) as Float32Array;
  };

  /** @internal Runs, enqueues or records the step that `call` and `calls` describe. */
  run<S extends AnyStep>(call: Float64Array, calls: Calls, make: MakeStep<S>): S {
    // Now, not before: a getter among the options may have disposed something.
    this.checkUsable();
    const { class: classCall, box, mask } = calls;
    const arrays = [classCall?.weights, classCall?.upstream, box?.upstream, mask?.upstream];
    const given = arrays.some((array) => array !== undefined) ? arrays : [];
    const terms = termNames.filter((term) => calls[term]?.reduction === 'none');
    const perRoi: PerRoiReader | undefined = terms.length > 0 ? { terms, read: this.#readPerRoi } : undefined;
    const start = (numbers: Float64Array, native: () => NativePending | undefined) => {
      // Before the call: a step that is refused for a value has run, and overwritten the losses by RoI.
      for (const term of terms) this.#perRoiOwner[term] = {};
      const step = make(numbers, callNative(native), perRoi);
      for (const term of terms) this.#perRoiOwner[term] = step;
      return step;
    };
    if (!this.#capture)
      return start(call, () => this.#native.run(call === this.row.numbers ? undefined : call, ...given));
    if (this.#capture.step)
      throw plainError('ERR_ROI_LOSS_CAPTURE', 'record called a second loss function; expected one');
    const own = call.slice();
    const recorded = callNative(() => this.#native.record(own, ...given));
    this.#capture.graph = Graph.create<AnyStep>(recorded, () => {
      this.checkUsable();
      return start(own, () => recorded.run());
    });
    const step = make(call, 'recorded', perRoi);
    this.#capture.step = step;
    return step;
  }
}
