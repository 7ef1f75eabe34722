import type { Case, Group } from './cases';
import { lane } from './contenders';
import type { Timing } from './statistics';

export interface Result {
  readonly spec: Case;
  readonly bytes: number;
  /** By lane. */
  readonly timings: { readonly [lane: string]: Timing };
}

/** What the design promises for the CPU, for a group of cases. */
interface Target {
  readonly group: Group;
  /** The lane, or how many times the second the first takes. Microseconds or a ratio. */
  readonly of: readonly [string] | readonly [string, string];
  readonly atLeast?: number;
  readonly atMost?: number;
}

const targetsOf = (threadCounts: readonly number[]): Target[] => [
  { group: 'mask compact', of: [lane('torch', 1), lane('handles', 1)], atLeast: 5 },
  { group: 'mask compact', of: [lane('handles', 1), lane('a + b', 1)], atMost: 3 },
  ...threadCounts.flatMap((threads): Target[] => [
    { group: 'mask dense', of: [lane('torch', threads), lane('handles', threads)], atLeast: 50 },
    { group: 'class and box', of: [lane('torch', threads), lane('handles', threads)], atLeast: 5 },
    { group: 'call', of: [lane('handles', threads)], atMost: 2 },
  ]),
];

export interface Verdict {
  readonly name: string;
  readonly of: string;
  /** A ratio, or microseconds. */
  readonly measured: number;
  readonly unit: '×' | ' µs';
  readonly target: string;
  readonly met: boolean;
  /** The target lies within the quartiles: another run may decide otherwise. */
  readonly close: boolean;
}

function verdictOf(target: Target, { spec, timings }: Result): Verdict | undefined {
  const { of, atLeast = 0, atMost = Number.POSITIVE_INFINITY } = target;
  const [first, second] = of.map((name) => timings[name]);
  if (!first || (of.length === 2 && !second)) return undefined;
  const measured = first.median / (second?.median ?? 1);
  const low = first.low / (second?.high ?? 1);
  const high = first.high / (second?.low ?? 1);
  const isMet = (value: number) => value >= atLeast && value <= atMost;
  const unit = second ? '×' : ' µs';
  return {
    name: spec.name,
    of: of.join(' / '),
    measured,
    unit,
    target: target.atMost === undefined ? `≥ ${atLeast}${unit}` : `≤ ${atMost}${unit}`,
    met: isMet(measured),
    close: isMet(low) !== isMet(high),
  };
}

/** As far as the results tell. */
export const verdictsOf = (results: readonly Result[], threadCounts: readonly number[]): Verdict[] =>
  targetsOf(threadCounts).flatMap((target) =>
    results
      .filter(({ spec }) => spec.group === target.group)
      .flatMap((result) => verdictOf(target, result) ?? []),
  );
