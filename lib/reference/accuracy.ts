// How close float32 results must be to float64.

/** Losses: relative. */
export const lossTolerance = 1e-6;
/** Gradients: absolute, times the largest of them. Those of a mean are far below 1, where an absolute bound says nothing. */
export const gradTolerance = 1e-6;

/** |a − b|; 0 where both are NaN, ∞ where one is. */
function distance(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
  return Math.abs(a - b);
}

const ratio = (error: number, scale: number) => (error === 0 ? 0 : error / scale);

export function lossError(actual: number, expected: number): number {
  const error = distance(actual, expected);
  return Number.isNaN(expected) ? error : ratio(error, Math.abs(expected));
}

/** Of two arrays of one length: the largest error, in units of the largest expected number, and where it is. */
export function gradError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { readonly error: number; readonly index: number } {
  let [scale, largest, index] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const value = Math.abs(expected[i]!);
    if (value > scale) scale = value;
    const error = distance(actual[i]!, expected[i]!);
    if (error > largest) [largest, index] = [error, i];
  }
  return { error: ratio(largest, scale), index };
}
