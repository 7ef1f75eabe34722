import { isFloor } from './contenders';
import type { Timing } from './statistics';
import { formatNumber, formatTable, formatTime } from './table';
import type { Result } from './targets';

/** Changes smaller than this are never told: a machine's clock and memory do as much from one run to the next. */
const leastChange = 0.05;

type Timings = Result['timings'];

const threadsOf = (lane: string) => lane.split('×')[1];

/** How the floors of the case changed, on as many threads: as much the machine has changed, and not the contender. */
function driftOf(lane: string, before: Timings, now: Timings): readonly [number, number] {
  const ratios = Object.keys(now)
    .filter((name) => isFloor(name) && threadsOf(name) === threadsOf(lane) && before[name])
    .map((name) => now[name]!.median / before[name]!.median);
  return [Math.min(1, ...ratios), Math.max(1, ...ratios)];
}

const areApart = (before: Timing, now: Timing) => now.low > before.high || now.high < before.low;

/** What changed by more than the noise, by lane: how many times as long it takes now. */
export function changesOf(before: Timings, now: Timings): { [lane: string]: number } {
  const changed = Object.entries(now).flatMap(([lane, timing]) => {
    const earlier = before[lane];
    if (!earlier || !areApart(earlier, timing)) return [];
    const ratio = timing.median / earlier.median;
    const [least, most] = isFloor(lane) ? [1, 1] : driftOf(lane, before, now);
    const isTold = ratio > most * (1 + leastChange) || ratio < least / (1 + leastChange);
    return isTold ? [[lane, ratio] as const] : [];
  });
  return Object.fromEntries(changed);
}

/** What changed since an earlier run, as a table; undefined where nothing did. */
export function formatChanges(
  before: readonly Result[],
  now: readonly Result[],
  width: number,
): string | undefined {
  const rows = now.flatMap(({ spec, timings }) => {
    const old = before.find((result) => result.spec.name === spec.name)?.timings ?? {};
    return Object.entries(changesOf(old, timings)).map(([lane, ratio]) => [
      spec.name,
      lane,
      formatTime(old[lane]!.median),
      formatTime(timings[lane]!.median),
      `${formatNumber(ratio)}×`,
      ratio < 1 ? 'faster' : 'SLOWER',
    ]);
  });
  return rows.length > 0 ? formatTable(['case', 'who', 'before', 'now', '', ''], rows, width) : undefined;
}
