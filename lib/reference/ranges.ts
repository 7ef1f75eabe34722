import type { LossInputs } from '../types';

// Which probabilities and mask targets are refused. NaN and infinities are not: they make the loss NaN.

/** What rounding may put a value out of its range by. */
const slack = { classProbs: [0, 1e-3], maskTargets: [1e-6, 1e-6] } as const;

export interface BadValue {
  readonly argument: keyof typeof slack;
  readonly index: number;
  readonly value: number;
}

/** The first value out of [0, 1] in the rows of RoIs whose label is at least `least`. */
function firstBad(
  argument: keyof typeof slack,
  array: Float32Array,
  labels: Int32Array,
  least: number,
): BadValue | undefined {
  const [below, above] = slack[argument];
  const row = array.length / labels.length;
  const index = array.findIndex((x, i) => {
    const counts = (labels[Math.floor(i / row)] as number) >= least;
    return counts && Number.isFinite(x) && (x < -Math.fround(below) || x > Math.fround(1 + above));
  });
  return index < 0 ? undefined : { argument, index, value: array[index] as number };
}

/** Why the inputs are refused, if they are, where all labels are right: the probabilities are looked at first. */
export function badValueOf(inputs: LossInputs): BadValue | undefined {
  const { classProbs, maskTargets, labels, maskLabels = labels } = inputs;
  return (
    (classProbs && labels && firstBad('classProbs', classProbs, labels, 0)) ??
    (maskTargets instanceof Float32Array && maskLabels
      ? firstBad('maskTargets', maskTargets, maskLabels, 1)
      : undefined)
  );
}
