import type { Losses } from 'roi-loss';
import * as assert from 'uvu/assert';

/** Losses: relative to float64. */
export const lossTolerance = 1e-6;
/** Gradients: absolute, times the largest of them. Those of a mean are far below 1, where an absolute bound says nothing. */
export const gradTolerance = 1e-6;

export function assertLoss(actual: number, expected: number, what = 'loss', tolerance = lossTolerance): void {
  const error = Math.abs(actual - expected);
  assert.ok(
    Number.isNaN(expected) ? Number.isNaN(actual) : error <= tolerance * Math.abs(expected),
    `${what} is ${actual}; expected ${expected} (off by ${error})`,
  );
}

export function assertLosses(actual: Losses, expected: Losses): void {
  for (const term of ['class', 'box', 'mask', 'total'] as const)
    assertLoss(actual[term], expected[term], term);
}

export function assertClose(
  actual: ArrayLike<number> | undefined,
  expected: ArrayLike<number> | undefined,
  what = 'grad',
  tolerance = gradTolerance,
): void {
  assert.ok(actual && expected, `${what} is missing`);
  assert.is(actual.length, expected.length, `${what}: lengths differ`);
  let scale = 0;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i] as number));
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    const same = Number.isNaN(expected[i] as number)
      ? Number.isNaN(actual[i] as number)
      : error <= tolerance * scale;
    if (!same) assert.unreachable(`${what}[${i}] is ${actual[i]}; expected ${expected[i]}`);
  }
}

/** The same bits. */
export function assertSame(actual: Float32Array, expected: Float32Array, what: string): void {
  const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  assert.ok(bytes(actual).equals(bytes(expected)), `${what}: bits differ`);
}
