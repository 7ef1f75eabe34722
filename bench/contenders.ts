import { type Batch, type Device, fusedLoss, type GradName, type LossInputs, openDevice } from 'roi-loss';
import { type NativeDevice, native } from '../lib/native';
import { bytesOf, type Case, hasGrad, maskSizeOf } from './cases';
import { halfOf } from './encoding';
import { type CaseInputs, gradNames } from './inputs';
import { lastLevelCache } from './machine';
import type { Outcome } from './outcome';
import { plainLoss } from './peers/plain';

/** A column of the table and a key of the timings: who, on how many threads. */
export const lane = (
  who: 'handles' | 'arrays' | 'out' | 'plain' | 'a + b' | 'copy' | 'torch' | 'tfjs cpu' | 'tfjs wasm',
  threads: number,
) => `${who} ×${threads}`;

/** Whether a lane is a floor. */
export const isFloor = (name: string) => /^(a \+ b|copy|memset|empty kernel)/.test(name);

export interface Contender {
  readonly run: () => unknown;
  /** What it computes; a floor computes nothing. */
  readonly outcome?: () => Outcome;
}

/** A number of threads, to compute losses on and to add arrays on. */
export interface Threads {
  readonly threads: number;
  readonly device: Device;
  readonly adder: NativeDevice;
}

export const startThreads = (threads: number): Threads => ({
  threads,
  device: openDevice('cpu', { threads }),
  adder: new native.Device('cpu', threads, process.env.ROI_LOSS_SIMD),
});

/** The inputs as the element types of the case hold them. */
export function encoded(spec: Case, inputs: LossInputs): LossInputs {
  const half = halfOf(spec);
  if (!half) return inputs;
  const bits = (name: GradName) => inputs[name] && { [name]: half.encode(inputs[name] as Float32Array) };
  return {
    ...inputs,
    ...bits('classLogits'),
    ...bits('boxDeltas'),
    ...bits('maskLogits'),
    ...(inputs.maskTargets && { maskTargets: Uint8Array.from(inputs.maskTargets) }),
  } as LossInputs;
}

/** What a batch holds of a gradient after a step. */
export function gradOf(spec: Case, batch: Batch, name: GradName): Float32Array {
  const array = batch.grads[name].readSync();
  return halfOf(spec)?.decode(array as Uint16Array) ?? (array as Float32Array);
}

function onHandles(spec: Case, { own, labels }: CaseInputs, batch: Batch): Contender {
  const step = () => fusedLoss(batch, spec.options).lossesSync().total;
  let turn = 0;
  const stepWithNewLabels = () => {
    turn = 1 - turn;
    batch.write(labels[turn]!);
    return step();
  };
  const outcome = () => {
    batch.write(labels[0]);
    const loss = step();
    const names = hasGrad(spec) ? gradNames(own) : [];
    return { loss, grads: Object.fromEntries(names.map((name) => [name, gradOf(spec, batch, name)])) };
  };
  batch.write(encoded(spec, own));
  return { run: spec.newLabels ? stepWithNewLabels : step, outcome };
}

function onArrays(spec: Case, { own }: CaseInputs, device: Device, reusesGrads = false): Contender {
  const { classes, maskGrad } = spec.sizes;
  const fresh = { ...spec.options, classes, maskSize: maskSizeOf(spec), maskGrad, device };
  const options = reusesGrads ? { ...fresh, out: fusedLoss(own, fresh).grads } : fresh;
  const run = () => fusedLoss(own, options);
  return {
    run,
    outcome: () => {
      const { losses, grads } = run();
      return { loss: losses.total, grads };
    },
  };
}

function plain(spec: Case, { peers }: CaseInputs): Contender {
  const options = { ...spec.options, classes: spec.sizes.classes, maskSize: maskSizeOf(spec) };
  const run = () => plainLoss(peers, options);
  return {
    run,
    outcome: () => {
      const { losses, grads } = run();
      return { loss: losses.total, grads };
    },
  };
}

/** Runs the next of several at each call. */
function rotating(runs: readonly (() => unknown)[]): () => unknown {
  let turn = 0;
  return () => {
    turn = (turn + 1) % runs.length;
    return runs[turn]!();
  };
}

/** c = a + b, over arrays that are `bytes` together. */
function addition(bytes: number, adder: NativeDevice): Contender {
  const [a, b, c] = [0, 1, 2].map((value) => new Float32Array(bytes / 12).fill(value));
  return { run: () => adder.add(a!, b!, c!) };
}

function copy(bytes: number): Contender {
  const from = new Float32Array(bytes / 8).fill(1);
  const to = new Float32Array(from.length);
  return { run: () => to.set(from) };
}

/** All that run in this process, by lane. `batches` are for the caller to dispose of. */
export function contendersOf(
  spec: Case,
  inputs: CaseInputs,
  pools: readonly Threads[],
): { readonly contenders: { readonly [lane: string]: Contender }; readonly batches: readonly Batch[] } {
  const bytes = bytesOf(spec);
  const copies = spec.cold ? Math.ceil((2 * lastLevelCache()) / bytes) : 1;
  const most = pools.at(-1)!;
  const batches: Batch[] = [];
  const several = (make: () => Contender): Contender => {
    const made = Array.from({ length: copies }, make);
    return { ...made[0], run: copies === 1 ? made[0]!.run : rotating(made.map(({ run }) => run)) };
  };
  const handles = ({ device }: Threads) =>
    several(() => {
      const batch = device.batch(spec.sizes);
      batches.push(batch);
      return onHandles(spec, inputs, batch);
    });
  const onPools = (make: (pool: Threads) => [string, Contender]) => Object.fromEntries(pools.map(make));
  const contenders = {
    ...onPools((pool) => [lane('handles', pool.threads), handles(pool)]),
    ...(spec.peers
      ? {}
      : {
          [lane('arrays', most.threads)]: onArrays(spec, inputs, most.device),
          [lane('out', 1)]: onArrays(spec, inputs, pools[0]!.device, true),
          [lane('plain', 1)]: plain(spec, inputs),
        }),
    ...onPools(({ threads, adder }) => [lane('a + b', threads), several(() => addition(bytes, adder))]),
    [lane('copy', 1)]: several(() => copy(bytes)),
  };
  return { contenders, batches };
}
