import { summarize, type Timing } from './statistics';

// Times functions beside each other, in turns, so that a machine that slows down slows them all.

/** How long a contender is timed, in sum and in samples: until both are reached. */
export interface Effort {
  readonly milliseconds: number;
  readonly leastSamples: number;
}

export const thorough: Effort = { milliseconds: 500, leastSamples: 15 };
export const quick: Effort = { milliseconds: 40, leastSamples: 3 };

/** A sample makes as many calls as take this long, or the clock would show. Microseconds, as all times here. */
const sampleTime = 200;
/** A contender's samples in a row, after a call that is not timed, so that it finds its own data in the cache. */
const turnTime = 20_000;
const warmUpTime = 50_000;

interface Lane {
  readonly run: () => unknown;
  /** Of a sample. */
  readonly calls: number;
  /** Whether one call is longer than a turn: what it finds in the cache is nothing beside that. */
  readonly isLong: boolean;
  readonly samples: number[];
  spent: number;
}

function timeOf(run: () => unknown, calls: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) run();
  return Number(process.hrtime.bigint() - start) / 1e3;
}

/** Warms the function up and finds how many calls make a sample. */
function warmUp(run: () => unknown): Lane {
  let calls = 1;
  let spent = 0;
  let time = 0;
  while (spent < warmUpTime) {
    time = timeOf(run, calls);
    spent += time;
    if (time < sampleTime) calls *= 2;
  }
  return { run, calls, isLong: time > turnTime, samples: [], spent: 0 };
}

function takeTurn(lane: Lane): void {
  // Nobody pays for what another left behind.
  globalThis.gc?.();
  if (!lane.isLong) lane.run();
  const end = lane.spent + turnTime;
  do {
    const time = timeOf(lane.run, lane.calls);
    lane.samples.push(time / lane.calls);
    lane.spent += time;
  } while (lane.spent < end);
}

/** Times all contenders, in turns. */
export function race(
  contenders: { readonly [name: string]: () => unknown },
  effort: Effort,
): { [name: string]: Timing } {
  const lanes = Object.entries(contenders).map(([name, run]) => [name, warmUp(run)] as const);
  const isDone = (lane: Lane) =>
    lane.spent >= effort.milliseconds * 1e3 && lane.samples.length >= effort.leastSamples;
  let waiting = lanes.map(([, lane]) => lane);
  while (waiting.length > 0) {
    for (const lane of waiting) takeTurn(lane);
    waiting = waiting.filter((lane) => !isDone(lane));
  }
  return Object.fromEntries(lanes.map(([name, { samples }]) => [name, summarize(samples)]));
}
