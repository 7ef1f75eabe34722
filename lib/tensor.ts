import { bitsOf, checkArray, checkMade, lengthOf, product } from './check';
import type { Device } from './device';
import { dtypes } from './dtypes';
import { callNative, rangeError, typeError } from './errors';
import { ofThisThread } from './handles';
import type { NativeMemory } from './native';
import type { DType, HostArray, Written } from './types';

const ofThread = ofThisThread('Tensor');

/**
 * An array in a device's memory. Freed by `dispose()`, or by the garbage collector when it is forgotten.
 * Made by `device.tensor`, `device.tensorAt` and `device.batch`.
 */
export class Tensor implements Disposable {
  /** @internal */
  readonly thread = ofThread;
  readonly #device: Device;
  readonly #memory: NativeMemory;
  #disposed = false;

  private constructor(
    device: Device,
    memory: NativeMemory,
    /** Sizes, outermost first. */
    readonly shape: readonly number[],
    readonly dtype: DType,
  ) {
    checkMade(device, 'Tensor', 'device.tensor()');
    this.#device = device;
    this.#memory = memory;
  }

  /** @internal */
  static create(device: Device, memory: NativeMemory, shape: readonly number[], dtype: DType): Tensor {
    return new Tensor(device, memory, shape, dtype);
  }

  /** @internal Whether `value` is one, and no Proxy or heir of one. */
  static is(value: unknown): value is Tensor {
    return typeof value === 'object' && value !== null && #memory in value;
  }

  /** The device that the memory belongs to. */
  get device(): Device {
    return this.#device;
  }

  /** The number of elements. */
  get length(): number {
    return product(this.shape);
  }

  /** The address of the first element, on the device. Valid until the tensor is disposed. */
  get pointer(): bigint {
    return callNative(() => this.memory('tensor').pointer);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Copies `array` into the tensor, after the steps that were enqueued before. The array may be reused on return.
   * @throws `ERR_ROI_LOSS_DTYPE`, `ERR_ROI_LOSS_SHAPE`, `ERR_ROI_LOSS_BUFFER`, `ERR_ROI_LOSS_DISPOSED`
   */
  write(array: Written): void {
    this.writeAs('array', array);
  }

  /** @internal `write`, with the argument's name in messages. */
  writeAs(name: string, given: Written): void {
    const memory = this.memory(name);
    const array = this.dtype === 'float16' ? bitsOf(given) : given;
    checkArray(name, array, dtypes[this.dtype].hostName);
    if (lengthOf(array) !== this.length)
      throw rangeError(
        'ERR_ROI_LOSS_SHAPE',
        `${name} has ${lengthOf(array)} elements; expected ${this.length}, the shape [${this.shape.join(', ')}]`,
      );
    callNative(() => memory.write(array));
  }

  /**
   * The elements as the steps that were enqueued before leave them. The event loop goes on while they are copied; steps
   * that are enqueued after wait for the copy. `float16` and `bfloat16` come as bits.
   * @throws `ERR_ROI_LOSS_DISPOSED`, and what `device.synchronize` throws
   */
  async read(): Promise<HostArray> {
    const memory = this.memory('tensor');
    const array = new dtypes[this.dtype].host(this.length);
    const pending = callNative(() => memory.readLater(array));
    await pending?.done();
    callNative(() => pending?.check());
    return array;
  }

  /** As `read`, but blocks until the elements are there. */
  readSync(): HostArray {
    const memory = this.memory('tensor');
    const array = new dtypes[this.dtype].host(this.length);
    callNative(() => memory.read(array));
    return array;
  }

  /**
   * What another process on this machine opens the memory by, with `device.tensorFromIpc` or cuIpcOpenMemHandle: 64
   * bytes. The tensor must outlive all use of it there. GPUs only.
   * @throws `ERR_ROI_LOSS_DEVICE`, `ERR_ROI_LOSS_SHAPE` for a tensor that begins within its allocation
   */
  ipcHandle(): Uint8Array {
    // A copy: native code makes arrays, too, with the classes of the main realm.
    return Uint8Array.from(callNative(() => this.memory('tensor').share()));
  }

  /** Frees the memory once the steps in flight are done with it. Memory that is borrowed stays as it is. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal The memory, for use as `name`. */
  memory(name: string): NativeMemory {
    if (this.#disposed) throw typeError('ERR_ROI_LOSS_DISPOSED', `${name} has been disposed`);
    this.#device.checkUsable();
    return this.#memory;
  }
}
