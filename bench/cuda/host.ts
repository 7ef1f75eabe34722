import { type Batch, type FusedLossOptions, fusedLoss } from 'roi-loss';
import { summarize, type Timing } from '../statistics';
import type { Effort } from '../timing';
import type { Sizes } from './memory';

// What a step costs the process that calls it: wall time, from JavaScript.

/** Microseconds a call of enqueuing `run`, `burst` times in a row, the GPU being waited for in between. */
async function timeOfEnqueuing(
  batch: Batch,
  run: () => unknown,
  burst: number,
  effort: Effort,
): Promise<Timing> {
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
  { burst }: Sizes,
  effort: Effort,
): Promise<{ [lane: string]: Timing }> {
  const captured = batch.capture(() => fusedLoss(batch, options));
  return {
    'host, a call': await timeOfEnqueuing(batch, () => fusedLoss(batch, options), burst, effort),
    'host, captured': await timeOfEnqueuing(batch, () => captured.launch(), burst, effort),
    'host, to losses': timeToLosses(batch, options, effort),
  };
}
