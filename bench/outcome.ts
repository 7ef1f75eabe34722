/** What a contender computed. */
export interface Outcome {
  readonly loss: number;
  readonly grads: { readonly [name: string]: Float32Array };
}

/** Of the loss relative to the loss, of a gradient relative to its largest element. */
const usual = 1e-5;

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

/** @throws where a contender computed something else: its time would be the time of something else */
export function checkOutcome(who: string, actual: Outcome, expected: Outcome, tolerance = usual): void {
  const check = (what: string, off: number) => {
    // A NaN is not within it either.
    if (!(off <= tolerance)) throw new Error(`${who}: ${what} is off by ${off}, more than ${tolerance}`);
  };
  check('the loss', Math.abs(actual.loss - expected.loss) / Math.abs(expected.loss));
  for (const [name, grad] of Object.entries(expected.grads))
    check(`the gradient of ${name}`, distance(actual.grads[name] ?? new Float32Array(), grad));
}
