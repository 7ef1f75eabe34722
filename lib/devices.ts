import { checkObject, readKeys } from './check';
import { usableCpus } from './cpus';
import { Device } from './device';
import { deviceName, deviceNames } from './device-name';
import { callNative, plainError, type RoiLossError, rangeError, show, typeError } from './errors';
import { type NativeDevice, native, unpack } from './native';

// Which devices there are, and how one is opened.

export interface DeviceOptions {
  /**
   * Threads of the CPU, 1 to 1024: at most so many work on a step, and no more than it has parts for or the process has
   * CPUs to run on. Default: `ROI_LOSS_NUM_THREADS`, else the CPUs that this process may use, by its affinity and by the
   * CPU quota of its container.
   */
  readonly threads?: number | undefined;
  /**
   * The CUstream of the GPU's primary context to enqueue on. `1n` is the legacy default stream (CU_STREAM_LEGACY, PyTorch's
   * unless told otherwise), `2n` the default stream of the thread that opens the device (CU_STREAM_PER_THREAD). `0n` is
   * refused: CUDA means either by it, according to how a program was compiled. Default: a stream of the device's own.
   */
  readonly stream?: bigint | undefined;
}

/** What `devices()` tells of a device. */
export interface DeviceInfo {
  /** The name that `openDevice` takes. */
  readonly name: string;
  readonly available: boolean;
  readonly description: string;
  /** Why it is not available. */
  readonly reason?: string;
  /** Of a GPU, such as `9.0`. */
  readonly computeCapability?: string;
  /** The version of CUDA that a GPU's driver supports, such as `13.0`. */
  readonly driver?: string;
  /** Of a GPU, in bytes. */
  readonly memory?: number;
}

const maxThreads = 1024;
/** As in native/cpu/dispatch.cpp. */
const simdNames = ['avx512', 'avx2', 'baseline'];

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
  if (variable === undefined || variable === '') return Math.min(usableCpus(), maxThreads);
  return checkThreads('ROI_LOSS_NUM_THREADS', /^\d+$/.test(variable) ? Number(variable) : variable);
}

/** The options of a kind of device. */
const optionKeys = { cpu: new Set(['threads']), cuda: new Set(['stream']) };

function openCpu({ threads }: DeviceOptions): NativeDevice {
  const count = threads === undefined ? defaultThreads() : checkThreads('threads', threads);
  const simd = process.env.ROI_LOSS_SIMD;
  if (simd && !simdNames.includes(simd))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `ROI_LOSS_SIMD is ${show(simd)}; expected ${simdNames.map(show).join(', ')} (SSE2 on x64, NEON on arm64)`,
    );
  return callNative(() => new native.Device('cpu', count, simd));
}

function openCuda(name: string, ordinal: number, { stream }: DeviceOptions): NativeDevice {
  if (stream === 0n)
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      'stream is 0n, the legacy default stream or, in programs compiled so, that of the thread; expected 1n for the ' +
        'first (CU_STREAM_LEGACY), 2n for the second (CU_STREAM_PER_THREAD), or another CUstream',
    );
  if (stream !== undefined && (typeof stream !== 'bigint' || stream < 0n || stream >= 1n << 64n))
    throw typeError('ERR_ROI_LOSS_OPTION', `stream is ${show(stream)}; expected a CUstream as a bigint`);
  try {
    return callNative(() => new native.Device('cuda', ordinal, stream, unpack));
  } catch (error) {
    if ((error as RoiLossError).code !== 'ERR_ROI_LOSS_DEVICE') throw error;
    throw plainError('ERR_ROI_LOSS_DEVICE', `cannot open ${show(name)}: ${(error as Error).message}`, error);
  }
}

/** The options of a device of this kind, as they were given to open it. */
const optionsOf = (kind: 'cpu' | 'cuda', options: DeviceOptions): DeviceOptions =>
  readKeys(`option of '${kind}'`, options, optionKeys[kind]);

/** What a GPU throws that cannot be used, or not now. */
const unusable = new Set(['ERR_ROI_LOSS_DEVICE', 'ERR_ROI_LOSS_MEMORY']);

/** The first GPU that opens; undefined if none does. */
function firstGpu(options: DeviceOptions): Device | undefined {
  const count = native.countGpus();
  if (count === 0) return undefined;
  const given = optionsOf('cuda', options);
  for (let gpu = 0; gpu < count; gpu++)
    try {
      return Device.create(`cuda:${gpu}`, openCuda(`cuda:${gpu}`, gpu, given));
    } catch (error) {
      if (!unusable.has((error as RoiLossError).code)) throw error;
    }
  return undefined;
}

/**
 * Opens a device.
 * @param name `'cpu'`, `'cuda'` (the first GPU) or `'cuda:1'`. Default: the first GPU that can be used, else the CPU;
 * {@link devices} says why one cannot
 * @throws `ERR_ROI_LOSS_DEVICE` if there is no such device or it cannot be used here, with the reason;
 * `ERR_ROI_LOSS_MEMORY` if the GPU has no room for it; `ERR_ROI_LOSS_OPTION`
 */
export function openDevice(name?: string, options: DeviceOptions = {}): Device {
  checkObject('options', options);
  const first = name === undefined || name === null ? firstGpu(options) : undefined;
  if (first) return first;
  const chosen = name ?? 'cpu';
  const ordinal = typeof chosen === 'string' ? deviceName.exec(chosen) : null;
  if (!ordinal) throw rangeError('ERR_ROI_LOSS_DEVICE', `device is ${show(name)}; expected ${deviceNames}`);
  if (chosen === 'cpu') return Device.create('cpu', openCpu(optionsOf('cpu', options)));
  // By its digits: beyond 2^53 a number is not the one that was given.
  const gpu = `cuda:${(ordinal[1] ?? '0').replace(/^0+(?=\d)/, '')}`;
  return Device.create(gpu, openCuda(gpu, Number(ordinal[1] ?? 0), optionsOf('cuda', options)));
}

/** The device of calls on host arrays that name none. */
const shared = new Map<string, Device>();

/** @internal The device of a call on host arrays. */
export function deviceOf(device: unknown = 'cpu'): Device {
  if (Device.is(device)) return device;
  if (typeof device !== 'string')
    throw typeError('ERR_ROI_LOSS_TYPE', `device is ${show(device)}; expected a Device or its name`);
  let opened = shared.get(device);
  if (!opened || opened.disposed) {
    opened = openDevice(device);
    shared.set(device, opened);
  }
  return opened;
}

/**
 * The devices of this machine, usable or not, and why not. A GPU that is not open is opened for a moment, which takes some
 * tenths of a second: whether it can be used is known then alone.
 */
export function devices(): DeviceInfo[] {
  const cpu = { name: 'cpu', available: true, description: deviceOf('cpu').description };
  const gpus = callNative(() => native.listGpus(unpack));
  if (typeof gpus === 'string')
    return [cpu, { name: 'cuda', available: false, description: 'NVIDIA GPU', reason: gpus }];
  return [
    cpu,
    ...gpus.map(({ name = 'NVIDIA GPU', ...about }, i) => ({
      name: `cuda:${i}`,
      available: about.reason === undefined,
      description: name,
      ...about,
    })),
  ];
}
