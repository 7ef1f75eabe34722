import type { Case } from './cases';
import { lane } from './contenders';
import type { Timing } from './statistics';

export interface Result {
  readonly spec: Case;
  readonly bytes: number;
  /** By lane. */
  readonly timings: { readonly [lane: string]: Timing };
  /** By lane, why it was not timed. */
  readonly absent?: { readonly [lane: string]: string };
}

/** What the design promises for some cases. */
export interface Target {
  readonly isFor: (spec: Case) => boolean;
  /** The lane, or how many times the second the first takes. Microseconds or a ratio. */
  readonly of: readonly [string] | readonly [string, string];
  readonly atLeast?: number;
  readonly atMost?: number;
}

const inGroup =
  (group: Case['group']) =>
  (spec: Case): boolean =>
    spec.group === group;

export const targetsOfCpu = (threadCounts: readonly number[]): Target[] => [
  { isFor: inGroup('mask compact'), of: [lane('torch', 1), lane('handles', 1)], atLeast: 5 },
  { isFor: inGroup('mask compact'), of: [lane('handles', 1), lane('a + b', 1)], atMost: 3 },
  { isFor: inGroup('targets'), of: [lane('torch', 1), lane('handles', 1)], atLeast: 50 },
  ...threadCounts.flatMap((threads): Target[] => [
    { isFor: inGroup('mask dense'), of: [lane('torch', threads), lane('handles', threads)], atLeast: 50 },
    { isFor: inGroup('class and box'), of: [lane('torch', threads), lane('handles', threads)], atLeast: 5 },
    { isFor: inGroup('matching'), of: [lane('torch', threads), lane('arrays', threads)], atLeast: 10 },
    { isFor: inGroup('call'), of: [lane('handles', threads)], atMost: 2 },
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
  /** The target lies within the quartiles, or between runs: another run may decide otherwise. */
  readonly close: boolean;
  /** The least and the most that was measured in several runs. */
  readonly range?: readonly [number, number];
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
export const verdictsOf = (results: readonly Result[], targets: readonly Target[]): Verdict[] =>
  targets.flatMap((target) =>
    results.filter(({ spec }) => target.isFor(spec)).flatMap((result) => verdictOf(target, result) ?? []),
  );
