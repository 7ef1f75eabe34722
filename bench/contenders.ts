import { type Batch, type Device, fusedLoss, type GradName, openDevice } from 'roi-loss';
import { type NativeDevice, native } from '../lib/native';
import { bytesOf, type Case, maskSizeOf } from './cases';
import { type CaseInputs, gradNames } from './inputs';
import type { Outcome } from './outcome';
import { plainLoss } from './peers/plain';

/** A column of the table and a key of the timings: who, on how many threads. */
export const lane = (who: 'handles' | 'arrays' | 'plain' | 'a + b' | 'copy' | 'torch', threads: number) =>
  `${who} ×${threads}`;

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

function onHandles(spec: Case, { own, labels }: CaseInputs, batch: Batch): Contender {
  const step = () => fusedLoss(batch, spec.options).lossesSync().total;
  let turn = 0;
  const stepWithNewLabels = () => {
    turn = 1 - turn;
    batch.write(labels[turn]!);
    return step();
  };
  const grad = (name: GradName) => batch.grads[name].readSync() as Float32Array;
  const outcome = () => {
    batch.write(labels[0]);
    const loss = step();
    return { loss, grads: Object.fromEntries(gradNames(own).map((name) => [name, grad(name)])) };
  };
  batch.write(own);
  return { run: spec.newLabels ? stepWithNewLabels : step, outcome };
}

function onArrays(spec: Case, { own }: CaseInputs, device: Device): Contender {
  const { classes, maskGrad } = spec.sizes;
  const options = { ...spec.options, classes, maskSize: maskSizeOf(spec), maskGrad, device };
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
  const batches = pools.map(({ device }) => device.batch(spec.sizes));
  const most = pools.at(-1)!;
  const bytes = bytesOf(spec);
  const onPools = (make: (pool: Threads, index: number) => [string, Contender]) =>
    Object.fromEntries(pools.map(make));
  const contenders = {
    ...onPools(({ threads }, i) => [lane('handles', threads), onHandles(spec, inputs, batches[i]!)]),
    [lane('arrays', most.threads)]: onArrays(spec, inputs, most.device),
    [lane('plain', 1)]: plain(spec, inputs),
    ...onPools(({ threads, adder }) => [lane('a + b', threads), addition(bytes, adder)]),
    [lane('copy', 1)]: copy(bytes),
  };
  return { contenders, batches };
}
