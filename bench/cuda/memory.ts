import { type Batch, type Device, fusedLoss } from 'roi-loss';
import { captureStream } from '../../common/stream';
import type { NativeGraph, NativeMemory } from '../../lib/native';
import { bytesOf, type Case } from '../cases';
import type { CaseInputs } from '../inputs';
import { writeInputs } from './inputs';
import { bytesOfTensor, memoryOf, nativeOf } from './native';
import type { Replay } from './replays';

// What the graphs of a case work on: copies of its memory, together larger than three times the L2.

/** Or a small case had thousands. What they hold is put out of the cache by `Eviction` then. */
const mostCopies = 128;

export interface Sizes {
  /** The L2, in bytes. */
  readonly cache: number;
  /** What a case may take, in bytes. */
  readonly memory: number;
  /** Launches of nothing that keep the GPU busy while the host enqueues what is timed. */
  readonly launches: number;
  /** Steps in a row before the device is waited for: fewer than a stream takes without making the caller wait. */
  readonly burst: number;
}

/** Memory of the floors, freed with this. */
export class Scratch implements Disposable {
  readonly #memory: NativeMemory[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  allocate(bytes: number): NativeMemory {
    const memory = nativeOf(this.#device).allocate(bytes);
    this.#memory.push(memory);
    return memory;
  }

  [Symbol.dispose](): void {
    for (const memory of this.#memory) memory.dispose();
  }
}

export function copiesOf(spec: Case, bytesOfBatch: number, { cache, memory }: Sizes): number {
  const forCache = Math.ceil((3 * cache) / bytesOf(spec));
  const inMemory = Math.floor(memory / bytesOfBatch);
  return Math.max(1, Math.min(forCache, inMemory, mostCopies));
}

/** The inputs and gradients of a batch, in bytes. */
const bytesIn = (batch: Batch) =>
  [...Object.values(batch.inputs), ...Object.values(batch.grads)].reduce(
    (sum, tensor) => sum + bytesOfTensor(tensor),
    0,
  );

/** Batches of a case, alike. */
export function makeBatches(device: Device, spec: Case, inputs: CaseInputs, sizes: Sizes): Batch[] {
  const first = device.batch(spec.sizes);
  writeInputs(spec, inputs, first);
  const batches = [first];
  const copies = copiesOf(spec, bytesIn(first), sizes);
  while (batches.length < copies) {
    const batch = device.batch(spec.sizes);
    for (const [name, tensor] of Object.entries(first.inputs))
      nativeOf(device).copy(memoryOf(batch.inputs[name as keyof Batch['inputs']]), memoryOf(tensor));
    batches.push(batch);
  }
  return batches;
}

/** Writes more than the cache holds, if the replays themselves do not. */
function evictionOf(device: Device, scratch: Scratch, bytes: number, { cache }: Sizes): () => void {
  if (bytes >= 3 * cache) return () => {};
  const memory = scratch.allocate(2 * cache);
  return () => nativeOf(device).fill(memory);
}

/** Keeps the GPU busy. */
export function delayOf(device: Device, { launches }: Pick<Sizes, 'launches'>): NativeGraph {
  const native = nativeOf(device);
  // Once outside: kernels are loaded when they are first asked for.
  native.launchNothing();
  return captureStream(device, () => {
    for (let i = 0; i < launches; i++) native.launchNothing();
  });
}

/** A step of each batch. Of a case with new labels these change before each replay, as its channels are cleared then. */
export function stepsOf(
  device: Device,
  spec: Case,
  { labels }: CaseInputs,
  batches: readonly Batch[],
  scratch: Scratch,
  sizes: Sizes,
): Replay {
  // Once outside: kernels are loaded when they are first asked for.
  fusedLoss(batches[0]!, spec.options).lossesSync();
  const graph = captureStream(device, () => {
    for (const batch of batches) fusedLoss(batch, spec.options);
  });
  const relabel = (spec.newLabels ? labels : [labels[0]]).map((set) => {
    const tensors = Object.entries(set as { readonly [name: string]: Int32Array }).map(
      ([name, array]) => [name as keyof typeof set, device.tensor(array, [array.length])] as const,
    );
    return captureStream(device, () => {
      for (const batch of batches)
        for (const [name, tensor] of tensors)
          nativeOf(device).copy(memoryOf(batch.inputs[name]), memoryOf(tensor));
    });
  });
  const evict = evictionOf(device, scratch, bytesOf(spec) * batches.length, sizes);
  let turn = 0;
  const before = () => {
    turn = (turn + 1) % relabel.length;
    relabel[turn]!.launch();
    evict();
  };
  return { graph, pieces: batches.length, before };
}

/** The least that could be: a copy and a memset of the bytes of the case, and a launch that does nothing. */
export function floorsOf(
  device: Device,
  spec: Case,
  scratch: Scratch,
  sizes: Sizes,
): { [lane: string]: Replay } {
  const bytes = bytesOf(spec);
  const pieces = copiesOf(spec, 2 * bytes, sizes);
  const evict = evictionOf(device, scratch, bytes * pieces, sizes);
  const native = nativeOf(device);
  const whole = Array.from({ length: pieces }, () => scratch.allocate(bytes));
  // Half of the bytes are read, half are written; to multiples of 16, as of a tensor.
  const half = Math.ceil(bytes / 32) * 16;
  const halves = Array.from(
    { length: pieces },
    () => [scratch.allocate(half), scratch.allocate(half)] as const,
  );
  const replay = (enqueue: (i: number) => void): Replay => ({
    graph: captureStream(device, () => {
      for (let i = 0; i < pieces; i++) enqueue(i);
    }),
    pieces,
    before: evict,
  });
  return {
    copy: replay((i) => native.copy(halves[i]![1], halves[i]![0])),
    memset: replay((i) => native.fill(whole[i]!)),
    'empty kernel': replay(() => native.launchNothing()),
  };
}
