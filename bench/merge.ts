import { quantile, type Timing } from './statistics';
import type { Result, Verdict } from './targets';

// Several runs of the same cases as one: the median of the medians, and the spread of all runs.

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const medianOf = (values: readonly number[]) => quantile(sorted(values), 0.5);

function mergeTimings(timings: readonly Timing[]): Timing {
  return {
    median: medianOf(timings.map(({ median }) => median)),
    low: Math.min(...timings.map(({ low }) => low)),
    high: Math.max(...timings.map(({ high }) => high)),
    samples: timings.reduce((sum, { samples }) => sum + samples, 0),
  };
}

/** A case or a lane that some run lacks is left out. */
export function mergeResults(runs: readonly (readonly Result[])[]): Result[] {
  const [first = []] = runs;
  return first.flatMap((result) => {
    const others = runs.flatMap((results) => results.filter(({ spec }) => spec.name === result.spec.name));
    if (others.length < runs.length) return [];
    const lanes = Object.keys(result.timings).filter((lane) => others.every(({ timings }) => timings[lane]));
    const merged = lanes.map(
      (lane) => [lane, mergeTimings(others.map(({ timings }) => timings[lane]!))] as const,
    );
    const absent = Object.assign({}, ...others.map((other) => other.absent));
    return { ...result, timings: Object.fromEntries(merged), absent };
  });
}

/** Ratios are those of each run, whose contenders took turns; the median of these decides. */
export function mergeVerdicts(runs: readonly (readonly Verdict[])[]): Verdict[] {
  const [first = []] = runs;
  if (runs.length === 1) return [...first];
  return first.flatMap((verdict) => {
    const all = runs.flatMap((verdicts) =>
      verdicts.filter(({ name, of, target }) =>
        [name === verdict.name, of === verdict.of, target === verdict.target].every(Boolean),
      ),
    );
    if (all.length < runs.length) return [];
    const measured = sorted(all.map((one) => one.measured));
    const met = all.filter((one) => one.met).length;
    return {
      ...verdict,
      measured: quantile(measured, 0.5),
      met: 2 * met > all.length,
      close: met > 0 && met < all.length,
      range: [measured[0]!, measured.at(-1)!] as const,
    };
  });
}
