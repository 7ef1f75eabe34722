import type { Case } from './cases';

/** What a contender computed. */
export interface Outcome {
  readonly loss: number;
  readonly grads: { readonly [name: string]: Float32Array };
}

/** Of the loss relative to the loss, of a gradient relative to its largest element; by type of the gradient. */
const tolerances = { float32: 1e-5, float16: 2e-3, bfloat16: 1e-2 };

export const toleranceOf = ({ sizes: { dtype = 'float32' } }: Case): number => tolerances[dtype];

/** How far `values` are off, relative to the largest of `expected`. */
function distance(values: Float32Array, expected: Float32Array): number {
  if (values.length !== expected.length) return Number.NaN;
  let largest = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    error = Math.max(error, Math.abs(values[i]! - expected[i]!));
  }
  return error === 0 ? 0 : error / largest;
}

/** In what they differ by more than `tolerance`: the time of such a contender would be the time of something else. */
export function disagreement(actual: Outcome, expected: Outcome, tolerance: number): string | undefined {
  const distances: readonly (readonly [string, number])[] = [
    ['the loss', Math.abs(actual.loss - expected.loss) / Math.abs(expected.loss)],
    ...Object.entries(expected.grads).map(([name, grad]) => {
      const off = distance(actual.grads[name] ?? new Float32Array(), grad);
      return [`the gradient of ${name}`, off] as const;
    }),
  ];
  // A NaN is not within it either.
  const found = distances.find(([, off]) => !(off <= tolerance));
  return found && `WRONG: ${found[0]} is off by ${found[1]}, more than ${tolerance}`;
}

/** @throws where a contender computed something else */
export function checkOutcome(who: string, actual: Outcome, expected: Outcome, tolerance: number): void {
  const found = disagreement(actual, expected, tolerance);
  if (found) throw new Error(`${who}: ${found}`);
}
