import { type Batch, type FusedLossOptions, fusedLoss } from 'roi-loss';
import { summarize, type Timing } from '../statistics';
import type { Effort } from '../timing';

// What a step costs the process that calls it: wall time, from JavaScript.

/** Steps in a row before the device is waited for: fewer than a stream takes without making the caller wait. */
const burst = 64;

/** Microseconds a call of enqueuing `run`, the GPU being waited for in between. */
async function timeOfEnqueuing(batch: Batch, run: () => unknown, effort: Effort): Promise<Timing> {
  const samples: number[] = [];
  const end = performance.now() + effort.milliseconds;
  for (let turn = -2; turn < effort.leastSamples || performance.now() < end; turn++) {
    globalThis.gc?.();
    const start = process.hrtime.bigint();
    for (let i = 0; i < burst; i++) run();
    const time = Number(process.hrtime.bigint() - start) / 1e3 / burst;
    await batch.device.synchronize();
    if (turn >= 0) samples.push(time);
  }
  return summarize(samples);
}

/** Microseconds from the call to the losses in the caller's hands. */
function timeToLosses(batch: Batch, options: FusedLossOptions, effort: Effort): Timing {
  const samples: number[] = [];
  const end = performance.now() + effort.milliseconds;
  for (let turn = -2; turn < effort.leastSamples || performance.now() < end; turn++) {
    const start = process.hrtime.bigint();
    fusedLoss(batch, options).lossesSync();
    if (turn >= 0) samples.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  return summarize(samples);
}

export async function hostTimes(
  batch: Batch,
  options: FusedLossOptions,
  effort: Effort,
): Promise<{ [lane: string]: Timing }> {
  const captured = batch.capture(() => fusedLoss(batch, options));
  return {
    'host, a call': await timeOfEnqueuing(batch, () => fusedLoss(batch, options), effort),
    'host, captured': await timeOfEnqueuing(batch, () => captured.launch(), effort),
    'host, to losses': timeToLosses(batch, options, effort),
  };
}
