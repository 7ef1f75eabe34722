import { brotliDecompressSync } from 'node:zlib';
import { loadAddon } from './load';
import type { HostArray } from './types';

/** Device memory. Reads and writes wait for the steps before them. */
export interface NativeMemory {
  readonly pointer: bigint;
  write(from: HostArray): void;
  read(into: HostArray): void;
  /** In the order of the stream; the array is to be kept until then. Undefined if it is done already. */
  readLater(into: HostArray): NativePending | undefined;
  share(): Uint8Array;
  dispose(): void;
}

/** A step in flight. */
export interface NativePending {
  done(): Promise<void>;
  /** Waits for the step and writes its result into the numbers of a call. */
  result(call: Float64Array): void;
  /** Waits for the step and throws what went wrong and nobody was told of. */
  check(): void;
  /** The owner of the stream captured the step: it runs with his graph, and has no end of its own to wait for. */
  readonly captured: boolean;
  /** Of a step that was captured: what its last run left, once what the stream was given so far is done. */
  latest(): NativePending;
}

/** A step that is run again and again with the options that it was recorded with, in the row of that call. */
export interface NativeRecorded {
  run(): NativePending | undefined;
  dispose(): void;
}

/** A point in the order of a device's work. */
export interface NativeMark {
  /** Waits for it. Milliseconds from an earlier one of the same device. */
  since(earlier: NativeMark): number;
}

/** All that a GPU's stream was given for a while. */
export interface NativeGraph {
  launch(): void;
}

/** Sizes and element types of a step, as `parse_shape` in native/addon/arguments.cpp reads them. */
export interface NativeShape {
  readonly rois: number;
  readonly maskRois: number;
  /** Else maskRois is rois. */
  readonly ownMaskLabels: boolean;
  readonly classes: number;
  readonly class: boolean;
  readonly box: boolean;
  readonly mask: boolean;
  readonly probabilities: boolean;
  /** The codes of the element types of the inputs, by the names of their buffers. */
  readonly types: { readonly [buffer: string]: number };
  readonly boxChannels: number;
  readonly maskChannels: number;
  readonly height: number;
  readonly width: number;
  readonly channelsLast: boolean;
  readonly compactGrad: boolean;
  /** Indices of `targetSources`. */
  readonly boxSource: number;
  readonly maskSource: number;
  /** G, [Hi, Wi], V and S. */
  readonly objects: number;
  readonly imageHeight: number;
  readonly imageWidth: number;
  readonly points: number;
  readonly rings: number;
  /** Gradient buffers hold zeros. */
  readonly fresh: boolean;
  /** Gradient buffers hold anything and are written whole. */
  readonly rewrite: boolean;
}

/** The arrays or memory of a step, under the names of native/buffers.h. */
export type NativeBuffers<T> = { readonly [name: string]: T | undefined };

/** As `parse_match` in native/addon/matching.cpp reads it. */
export interface NativeMatchSizes {
  readonly boxes: number;
  readonly objects: number;
  readonly foreground: number;
  readonly background: number;
  readonly lowQuality: boolean;
}

type MatchBuffers<T> = {
  [K in 'boxes' | 'gtBoxes' | 'gtLabels' | 'gtIgnore' | 'labels' | 'matches' | 'overlaps']: T | undefined;
};

export interface NativeDevice {
  description(): string;
  stream(): bigint;
  allocate(bytes: number): NativeMemory;
  borrow(pointer: bigint, bytes: number): NativeMemory;
  openShared(handle: Uint8Array, offset: number, bytes: number): NativeMemory;
  run(call: Float64Array, shape: NativeShape, buffers: NativeBuffers<HostArray>): void;
  match(sizes: NativeMatchSizes, buffers: MatchBuffers<HostArray>): void;
  flush(): NativePending | undefined;
  add(a: Float32Array, b: Float32Array, c: Float32Array): void;
  mark(): NativeMark;
  /** Enqueued on a GPU, for benchmarks: a copy of all of `source`, zeros, a launch that does nothing. */
  copy(target: NativeMemory, source: NativeMemory): void;
  fill(target: NativeMemory): void;
  launchNothing(): void;
  /** Of a GPU's L2, in bytes. */
  cacheBytes(): number;
  /** What the owner of the stream would do; for tests and benchmarks. */
  beginCapture(): void;
  endCapture(): NativeGraph;
  dispose(): void;
}

/** The arrays in the order of `each_step_array` in native/buffers.h. */
/** Those of each_step_array in native/buffers.h; none, where all are undefined. */
type StepArrays = readonly (Float32Array | undefined)[];

export interface NativeBatch {
  /** Without `call`, the row that the batch was made with. */
  run(call?: Float64Array, ...arrays: StepArrays): NativePending | undefined;
  record(call: Float64Array, ...arrays: StepArrays): NativeRecorded;
  dispose(): void;
}

/** What the driver tells of a GPU, as far as it can be asked. */
export interface NativeGpu {
  readonly name?: string;
  readonly computeCapability?: string;
  readonly driver?: string;
  /** Bytes. */
  readonly memory?: number;
  /** Why it cannot be used. */
  readonly reason?: string;
}

/** Unpacks kernels, which the addon holds compressed. */
type Unpack = (packed: Uint8Array) => Uint8Array;

export const unpack: Unpack = (packed) => brotliDecompressSync(packed);

interface NativeDeviceConstructor {
  new (kind: 'cpu', threads: number, simd: string | undefined): NativeDevice;
  new (kind: 'cuda', ordinal: number, stream: bigint | undefined, unpack: Unpack): NativeDevice;
}

interface NativeKind {
  readonly name: string;
  readonly options: readonly {
    readonly name: string;
    readonly standard: number;
    readonly least: number;
    readonly most: number;
  }[];
}

interface Addon {
  readonly Device: NativeDeviceConstructor;
  readonly Batch: new (
    device: NativeDevice,
    shape: NativeShape,
    buffers: NativeBuffers<NativeMemory>,
    call: Float64Array,
  ) => NativeBatch;
  /** 0 where the driver does not start. */
  countGpus(): number;
  /** The GPUs, or why there is none. Opens each, to see whether that succeeds. */
  listGpus(unpack: Unpack): readonly NativeGpu[] | string;
  encodeBoxes(
    proposals: Float32Array,
    gtBoxes: Float32Array,
    matches: Int32Array | undefined,
    deltaWeights: Float32Array,
    out: Float32Array,
  ): void;
  decodeBoxes(
    proposals: Float32Array,
    deltas: Float32Array,
    deltaWeights: Float32Array,
    out: Float32Array,
  ): void;
  clipBoxes(boxes: Float32Array, width: number, height: number, out: Float32Array): void;
  nms(
    boxes: Float32Array,
    scores: Float32Array,
    labels: Int32Array | undefined,
    threshold: number,
    simd: string | undefined,
  ): Int32Array;
  sampleRois(
    labels: Int32Array,
    count: number,
    foreground: number,
    seed: number,
    inPlace: boolean,
  ): Int32Array | undefined;
  /** The name of each number of a call, `term.name`, in their order. */
  readonly callSlots: readonly string[];
  /** The lists of kinds in native/formulas. */
  readonly kinds: { readonly [K in 'class' | 'box' | 'mask']: readonly NativeKind[] };
}

export const native = loadAddon() as Addon;
