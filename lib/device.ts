import { Batch } from './batch';
import type { BatchSizes, BatchTensors } from './batch-shape';
import {
  arrayName,
  bitsOf,
  checkArray,
  checkDType,
  checkMade,
  checkShape,
  checkSize,
  elements,
  lengthOf,
} from './check';
import { defaultDType, dtypes } from './dtypes';
import { callNative, plainError, rangeError, show, typeError } from './errors';
import { ofThisThread } from './handles';
import type { NativeDevice } from './native';
import { Tensor } from './tensor';
import type { DType, Written } from './types';

const ipcHandleBytes = 64;
const ofThread = ofThisThread('Device');

/** Where losses are computed: its memory, and one stream on which steps run in order. Made by {@link openDevice}. */
export class Device implements Disposable {
  /** `'cpu'`, or `'cuda:N'`. */
  readonly name: string;
  /** Such as `CPU, avx2, 8 threads`, or `CUDA, NVIDIA H100, compute capability 9.0`. */
  readonly description: string;
  /**
   * The CUstream that steps are enqueued on; 0 on the CPU. Its owner may capture it in a CUDA graph of his own: steps
   * called meanwhile become part of that, and all else that needs the device throws `ERR_ROI_LOSS_CAPTURE`. The results
   * of such a step, asked for as usual, are those that the last run of the graph left before now in the order of this
   * stream; there are none before the first. What the steps work on is kept until the device is disposed, which must
   * outlive the graph: `dispose` waits for its runs on this stream, not for those on others.
   */
  readonly stream: bigint;
  /** @internal The batch that `capture` of is under way. */
  capturing: Batch | undefined;
  /** @internal */
  readonly thread = ofThread;
  readonly #native: NativeDevice;
  #disposed = false;

  private constructor(name: string, device: NativeDevice) {
    checkMade(name, 'Device', 'openDevice()');
    this.name = name;
    this.#native = device;
    this.description = device.description();
    this.stream = device.stream();
  }

  /** @internal */
  static create(name: string, device: NativeDevice): Device {
    return new Device(name, device);
  }

  /** @internal Whether `value` is one, and no Proxy or heir of one. */
  static is(value: unknown): value is Device {
    return typeof value === 'object' && value !== null && #native in value;
  }

  /**
   * A tensor with a copy of `array`.
   * @param array its numbers; those of float16 and bfloat16 as bits, of float16 as a `Float16Array` too
   * @param shape sizes, outermost first; their product is the array's length
   * @param dtype default: that of the array; `Uint16Array`s of bits need `'float16'` or `'bfloat16'`
   * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_BUFFER`,
   * `ERR_ROI_LOSS_MEMORY`
   */
  tensor(array: Written, shape: readonly number[], dtype?: DType): Tensor {
    const found = arrayName(array);
    const type = dtype ?? (found === undefined ? 'float32' : defaultDType[found]);
    if (type === undefined)
      throw typeError(
        'ERR_ROI_LOSS_DTYPE',
        `array is ${show(array)} without a dtype; expected ${
          found === 'Uint16Array'
            ? "'float16' or 'bfloat16', whose bits it holds"
            : 'an array of another class'
        }`,
      );
    checkDType('dtype', type);
    const bits = type === 'float16' ? bitsOf(array) : array;
    checkArray('array', bits, dtypes[type].hostName);
    const sizes = checkShape('shape', shape);
    if (elements('shape', sizes) !== lengthOf(bits))
      throw rangeError(
        'ERR_ROI_LOSS_SHAPE',
        `array has ${lengthOf(bits)} elements; expected ${elements('shape', sizes)}, the shape [${sizes.join(', ')}]`,
      );
    const tensor = this.allocate('tensor', sizes, type);
    tensor.write(bits);
    return tensor;
  }

  /**
   * A tensor over memory of another library, which must stay valid as long as the tensor is used. On a GPU the driver
   * verifies that the address is one of its own and the allocation large enough; on the CPU nothing can: a wrong address
   * reads or writes whatever lies there.
   * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_SHAPE`
   */
  tensorAt(pointer: bigint, shape: readonly number[], dtype: DType): Tensor {
    this.checkUsable();
    if (typeof pointer !== 'bigint')
      throw typeError('ERR_ROI_LOSS_TYPE', `pointer is ${show(pointer)}; expected a bigint`);
    checkDType('dtype', dtype);
    const sizes = checkShape('shape', shape);
    const bytes = elements('shape', sizes) * dtypes[dtype].bytes;
    if (pointer < 0n || pointer >= 1n << 64n || (pointer === 0n && bytes > 0))
      throw rangeError('ERR_ROI_LOSS_SHAPE', `pointer is ${pointer}n; expected an address`);
    if (pointer % BigInt(dtypes[dtype].bytes) !== 0n)
      throw rangeError(
        'ERR_ROI_LOSS_SHAPE',
        `pointer is ${pointer}n; expected a multiple of ${dtypes[dtype].bytes}`,
      );
    const memory = callNative(() => this.#native.borrow(pointer, bytes));
    return Tensor.create(this, memory, sizes, dtype);
  }

  /**
   * A tensor over memory that another process shares with this one, without a copy. GPUs only.
   * @param handle of a `Tensor.ipcHandle()` of that process, or a CUipcMemHandle of any other library's: 64 bytes
   * @param offset of the first element from the beginning of the allocation, in bytes (PyTorch has many tensors in one)
   * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_DEVICE`
   */
  tensorFromIpc(handle: Uint8Array, shape: readonly number[], dtype: DType, offset = 0): Tensor {
    checkArray('handle', handle, 'Uint8Array');
    const length = lengthOf(handle);
    if (length !== ipcHandleBytes)
      throw rangeError('ERR_ROI_LOSS_SHAPE', `handle has ${length} bytes; expected ${ipcHandleBytes}`);
    checkDType('dtype', dtype);
    checkSize('offset', offset);
    const sizes = checkShape('shape', shape);
    const { bytes } = dtypes[dtype];
    if (offset % bytes !== 0)
      throw rangeError('ERR_ROI_LOSS_SHAPE', `offset is ${offset}; expected a multiple of ${bytes}`);
    const memory = callNative(() => this.handle.openShared(handle, offset, elements('shape', sizes) * bytes));
    return Tensor.create(this, memory, sizes, dtype);
  }

  /**
   * Inputs and gradients of a step, made once and reused every step: allocated for the given sizes, or over tensors
   * that hold the inputs. The batch owns its gradients.
   * @throws `ERR_ROI_LOSS_OPTION`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_MEMORY`
   */
  batch(options: BatchSizes | BatchTensors): Batch {
    this.checkUsable();
    return Batch.create(this, options);
  }

  /**
   * Resolves when all steps enqueued so far are done.
   * @throws `ERR_ROI_LOSS_LABEL` or `ERR_ROI_LOSS_VALUE` for a step that came upon a bad label, target or probability and
   * that nobody has awaited;
   * `ERR_ROI_LOSS_DEVICE` if the device failed
   */
  async synchronize(): Promise<void> {
    const pending = callNative(() => this.handle.flush());
    await pending?.done();
    callNative(() => pending?.check());
  }

  /**
   * How long the device takes for what `enqueue` enqueues on it, in milliseconds. On a GPU between two events on its
   * stream, which includes gaps where the GPU waits for the host: enqueue enough to hide them. What went before is
   * waited for.
   * @param enqueue calls loss functions, launches graphs
   * @throws what `synchronize` throws; `ERR_ROI_LOSS_CAPTURE` while the stream is captured
   */
  async time(enqueue: () => void): Promise<number> {
    if (typeof enqueue !== 'function')
      throw typeError('ERR_ROI_LOSS_TYPE', `enqueue is ${show(enqueue)}; expected a function`);
    await this.synchronize();
    const mark = () => callNative(() => this.handle.mark());
    const start = mark();
    enqueue();
    const end = mark();
    await this.synchronize();
    return callNative(() => end.since(start));
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Finishes what was enqueued and frees the device's threads. Its tensors and batches cannot be used any more. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal */
  get handle(): NativeDevice {
    this.checkUsable();
    return this.#native;
  }

  /** @internal */
  allocate(name: string, shape: readonly number[], dtype: DType): Tensor {
    const bytes = elements(name, shape) * dtypes[dtype].bytes;
    const memory = callNative(() => this.handle.allocate(bytes));
    return Tensor.create(this, memory, shape, dtype);
  }

  /** @internal Throws unless the device can be used, by `user` while that is captured. */
  checkUsable(user?: Batch): void {
    if (this.#disposed)
      throw typeError('ERR_ROI_LOSS_DISPOSED', `the device '${this.name}' has been disposed`);
    if (this.capturing && this.capturing !== user)
      throw plainError(
        'ERR_ROI_LOSS_CAPTURE',
        `the device '${this.name}' is in use by batch.capture; expected nothing but a loss function of that batch`,
      );
  }
}
