import type { Losses } from 'roi-loss';
import * as assert from 'uvu/assert';
import { gradError, gradTolerance, lossError, lossTolerance } from '../../lib/reference/accuracy';

export function assertLoss(actual: number, expected: number, what = 'loss', tolerance = lossTolerance): void {
  const error = lossError(actual, expected);
  assert.ok(error <= tolerance, `${what} is ${actual}; expected ${expected} (off by a share of ${error})`);
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
  const { error, index } = gradError(actual, expected);
  assert.ok(error <= tolerance, `${what}[${index}] is ${actual[index]}; expected ${expected[index]}`);
}

/** The same bits. */
export function assertSame(actual: Float32Array, expected: Float32Array, what: string): void {
  const bytes = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  assert.ok(bytes(actual).equals(bytes(expected)), `${what}: bits differ`);
}
