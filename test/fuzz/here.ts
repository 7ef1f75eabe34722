import * as fc from 'fast-check';
import { openDevice } from 'roi-loss';
import { checkHostile, hostileCase } from './hostile';
import { checkNumbers, numbersCase } from './numbers';

export interface FuzzHere {
  readonly minutes?: number | undefined;
  readonly runs?: number | undefined;
  readonly seed: number;
  /** As openDevice takes it. */
  readonly device: string;
  readonly onProgress?: (runs: number) => void;
}

const anyCase = fc.oneof(
  numbersCase.map((numbers) => ({ numbers })),
  hostileCase.map((hostile) => ({ hostile })),
);

type FuzzCase = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

const withoutFrames = (error: unknown) =>
  String((error as Error)?.stack ?? error)
    .split('\n')
    .filter((line) => !/node_modules|node:/.test(line))
    .join('\n');

/** Tries cases in this process. Returns how many; throws with the smallest counterexample, should there be one. */
export async function fuzzHere({ minutes, runs, seed, device: name, onProgress }: FuzzHere): Promise<number> {
  const device = openDevice(name, name === 'cpu' ? { threads: 2 } : {});
  const unhandled = (error: unknown) => {
    throw new Error('an unhandled rejection', { cause: error });
  };
  process.on('unhandledRejection', unhandled);
  let tried = 0;
  const check = async (given: FuzzCase) => {
    if ('numbers' in given) await checkNumbers(device, given.numbers);
    else await checkHostile(device, given.hostile);
    tried++;
    onProgress?.(tried);
  };
  let last: Promise<void> | undefined;
  const property = fc.asyncProperty(anyCase, (given) => {
    last = check(given);
    return last;
  });
  const details = await fc.check(property, {
    seed,
    numRuns: runs ?? 2 ** 31 - 1,
    ...(minutes !== undefined && {
      ...{ interruptAfterTimeLimit: minutes * 60_000, markInterruptAsFailure: false },
    }),
  });
  // That the time is up interrupts no case.
  if (!details.failed) await last;
  process.off('unhandledRejection', unhandled);
  if (details.failed)
    throw new Error(`${withoutFrames(details.errorInstance)}\n${fc.defaultReportMessage(details)}`);
  device.dispose();
  return tried;
}
