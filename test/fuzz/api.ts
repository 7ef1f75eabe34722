import * as fc from 'fast-check';
import { openDevice } from 'roi-loss';
import { checkHostile, hostileCase } from './hostile';
import { checkNumbers, numbersCase } from './numbers';

// Property-based fuzzing of the API: numbers against the float64 reference, and calls that no honest caller makes.

export interface ApiFuzz {
  /** Until so many minutes are over, or … */
  readonly minutes?: number;
  /** … so many cases were tried. */
  readonly runs?: number;
  readonly seed: number;
  /** As openDevice takes it. */
  readonly device: string;
  readonly onProgress?: (runs: number) => void;
}

const anyCase = fc.oneof(
  numbersCase.map((numbers) => ({ numbers })),
  hostileCase.map((hostile) => ({ hostile })),
);

/** Tries cases in this process. Returns how many; throws with the smallest counterexample, should there be one. */
export async function fuzzHere({ minutes, runs, seed, device: name, onProgress }: ApiFuzz): Promise<number> {
  const device = openDevice(name, name === 'cpu' ? { threads: 2 } : {});
  const unhandled = (error: unknown) => {
    throw new Error('an unhandled rejection', { cause: error });
  };
  process.on('unhandledRejection', unhandled);
  let tried = 0;
  const property = fc.asyncProperty(anyCase, async (given) => {
    if ('numbers' in given) await checkNumbers(device, given.numbers);
    else await checkHostile(device, given.hostile);
    tried++;
    onProgress?.(tried);
  });
  const details = await fc.check(property, {
    seed,
    numRuns: runs ?? 2 ** 31 - 1,
    ...(minutes !== undefined && {
      interruptAfterTimeLimit: minutes * 60_000,
      markInterruptAsFailure: false,
    }),
  });
  process.off('unhandledRejection', unhandled);
  if (details.failed)
    throw new Error(fc.defaultReportMessage(details) as string, { cause: details.errorInstance });
  device.dispose();
  return tried;
}
