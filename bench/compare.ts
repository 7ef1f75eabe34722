import type { Timing } from './statistics';
import { formatNumber, formatTable, formatTime } from './table';
import type { Result } from './targets';

/** Changes smaller than this are never told: a machine's clock and memory do as much from one run to the next. */
const leastChange = 0.05;

/** Whether the quartiles lie apart, and the medians further than what is never told. */
const differs = (before: Timing, now: Timing) =>
  (now.low > before.high || now.high < before.low) && Math.abs(now.median / before.median - 1) > leastChange;

/** What changed since an earlier run by more than the noise, as a table; undefined where nothing did. */
export function formatChanges(
  before: readonly Result[],
  now: readonly Result[],
  width: number,
): string | undefined {
  const rows = now.flatMap(({ spec, timings }) => {
    const old = before.find((result) => result.spec.name === spec.name)?.timings ?? {};
    return Object.entries(timings).flatMap(([lane, timing]) => {
      const earlier = old[lane];
      if (!earlier || !differs(earlier, timing)) return [];
      const ratio = timing.median / earlier.median;
      const verdict = ratio < 1 ? 'faster' : 'SLOWER';
      return [
        [
          spec.name,
          lane,
          formatTime(earlier.median),
          formatTime(timing.median),
          `${formatNumber(ratio)}×`,
          verdict,
        ],
      ];
    });
  });
  return rows.length > 0 ? formatTable(['case', 'who', 'before', 'now', '', ''], rows, width) : undefined;
}
