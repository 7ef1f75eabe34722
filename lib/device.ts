import { availableParallelism } from 'node:os';
import { Batch } from './batch';
import type { BatchSizes, BatchTensors } from './batch-shape';
import { arrayName, checkArray, checkKeys, checkObject, elements } from './check';
import { defaultDType, dtypes } from './dtypes';
import { plainError, rangeError, show, typeError } from './errors';
import { type NativeDevice, native } from './native';
import { checkDType, checkShape, Tensor } from './tensor';
import type { DType, HostArray } from './types';

export interface DeviceOptions {
  /** Threads of the CPU, 1 to 1024. Default: `ROI_LOSS_NUM_THREADS`, else the cores this process may use. */
  readonly threads?: number | undefined;
}

/** What `devices()` tells of a device. */
export interface DeviceInfo {
  /** The name that `openDevice` takes. */
  readonly name: string;
  readonly available: boolean;
  readonly description: string;
  /** Why it is not available. */
  readonly reason?: string;
}

const noCuda = 'this build of roi-loss has no CUDA kernels';
const maxThreads = 1024;

function checkThreads(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > maxThreads)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} is ${show(value)}; expected a whole number from 1 to ${maxThreads}`,
    );
  return value;
}

function defaultThreads(): number {
  const variable = process.env.ROI_LOSS_NUM_THREADS;
  if (variable === undefined || variable === '') return Math.min(availableParallelism(), maxThreads);
  return checkThreads('ROI_LOSS_NUM_THREADS', /^\d+$/.test(variable) ? Number(variable) : variable);
}

/** Where losses are computed: its memory, and one stream on which steps run in order. Made by {@link openDevice}. */
export class Device implements Disposable {
  /** `'cpu'`. */
  readonly name: string;
  /** Such as `CPU, avx2, 8 threads`. */
  readonly description: string;
  /** The CUstream that steps are enqueued on; 0 on the CPU. */
  readonly stream: bigint = 0n;
  readonly #native: NativeDevice;
  #disposed = false;

  /** @internal */
  constructor(name: string, options: DeviceOptions) {
    const threads =
      options.threads === undefined ? defaultThreads() : checkThreads('threads', options.threads);
    this.name = name;
    this.#native = new native.Device(threads, process.env.ROI_LOSS_SIMD);
    this.description = this.#native.description();
  }

  /**
   * A tensor with a copy of `array`.
   * @param shape sizes, outermost first; their product is the array's length
   * @param dtype default: that of the array; `Uint16Array`s of bits need `'float16'` or `'bfloat16'`
   * @throws `ERR_ROI_LOSS_TYPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_BUFFER`,
   * `ERR_ROI_LOSS_MEMORY`
   */
  tensor(array: HostArray, shape: readonly number[], dtype?: DType): Tensor {
    const found = arrayName(array);
    const type = dtype ?? (found === undefined ? 'float32' : defaultDType[found]);
    if (type === undefined)
      throw typeError(
        'ERR_ROI_LOSS_DTYPE',
        `array is a ${found}; expected a dtype that says what its elements are`,
      );
    checkDType('dtype', type);
    checkArray('array', array, dtypes[type].hostName);
    const sizes = checkShape('shape', shape);
    if (elements('shape', sizes) !== array.length)
      throw rangeError(
        'ERR_ROI_LOSS_SHAPE',
        `array has ${array.length} elements; expected ${elements('shape', sizes)}, the shape [${sizes.join(', ')}]`,
      );
    const tensor = this.allocate('tensor', sizes, type);
    tensor.write(array);
    return tensor;
  }

  /**
   * A tensor over memory of another library, which must stay valid as long as the tensor is used. On the CPU the address
   * cannot be verified: a wrong one reads or writes whatever lies there.
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
    return new Tensor(this, this.#native.borrow(pointer, bytes), sizes, dtype);
  }

  /**
   * Inputs and gradients of a step, made once and reused every step: allocated for the given sizes, or over tensors
   * that hold the inputs. The batch owns its gradients.
   * @throws `ERR_ROI_LOSS_OPTION`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_MEMORY`
   */
  batch(options: BatchSizes | BatchTensors): Batch {
    this.checkUsable();
    return new Batch(this, options);
  }

  /** Resolves when all steps enqueued so far are done. */
  async synchronize(): Promise<void> {
    await this.handle.flush()?.done();
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
    return new Tensor(this, this.handle.allocate(bytes), shape, dtype);
  }

  /** @internal */
  checkUsable(): void {
    if (this.#disposed)
      throw typeError('ERR_ROI_LOSS_DISPOSED', `the device '${this.name}' has been disposed`);
  }
}

/**
 * Opens a device.
 * @param name `'cpu'`, `'cuda'` or `'cuda:1'`. Default: the first CUDA GPU, else the CPU
 * @throws `ERR_ROI_LOSS_DEVICE` if there is no such device or it cannot be used here, with the reason;
 * `ERR_ROI_LOSS_OPTION`
 */
export function openDevice(name = 'cpu', options: DeviceOptions = {}): Device {
  checkObject('options', options);
  checkKeys('option', options, new Set(['threads']));
  if (typeof name !== 'string' || !/^(cpu|cuda(:\d+)?)$/.test(name))
    throw rangeError('ERR_ROI_LOSS_DEVICE', `device is ${show(name)}; expected 'cpu', 'cuda' or 'cuda:N'`);
  if (name !== 'cpu') throw plainError('ERR_ROI_LOSS_DEVICE', `cannot open '${name}': ${noCuda}`);
  return new Device(name, options);
}

/** The device of calls on host arrays that name none. */
const shared = new Map<string, Device>();

/** @internal The device of a call on host arrays. */
export function deviceOf(device: unknown = 'cpu'): Device {
  if (device instanceof Device) return device;
  if (typeof device !== 'string')
    throw typeError('ERR_ROI_LOSS_TYPE', `device is ${show(device)}; expected a Device or its name`);
  let opened = shared.get(device);
  if (!opened || opened.disposed) {
    opened = openDevice(device);
    shared.set(device, opened);
  }
  return opened;
}

/** The devices of this machine, usable or not, and why not. */
export function devices(): DeviceInfo[] {
  return [
    { name: 'cpu', available: true, description: deviceOf('cpu').description },
    { name: 'cuda', available: false, description: 'NVIDIA GPU', reason: noCuda },
  ];
}
