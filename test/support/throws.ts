import type { RoiLossError } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AllInputs, inputsOf } from '../../lib/reference/random';

// Wrong input throws before anything runs: the class, the code, and a message that names the argument.

export const options = { classes: 3, maskSize: [4, 4] as const };
export const good = (): AllInputs => inputsOf(1, { rois: 4, ...options, leastLabel: 0 });

export type Attempt = () => unknown;

/** Fails unless `attempt` throws, or rejects with, a `type` with this code and these words. */
export async function throws(
  attempt: Attempt,
  type: ErrorConstructor,
  code: string,
  ...words: string[]
): Promise<void> {
  let error: unknown;
  try {
    await attempt();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof type, `threw ${error}; expected a ${type.name}`);
  assert.is((error as RoiLossError).code, code, (error as Error).message);
  for (const word of words) assert.match((error as Error).message, word);
}

/** The attempts with what they should throw: [what, code, type, words of the message, attempt]. */
type Table = readonly (readonly [string, string, ErrorConstructor, readonly string[], Attempt])[];

/** A suite of a table. */
export function check(name: string, table: Table): void {
  const test = suite(name);
  for (const [what, code, type, words, attempt] of table)
    test(what, () => throws(attempt, type, `ERR_ROI_LOSS_${code}`, ...words));
  test.run();
}

export const resizable = () =>
  new Float32Array(Reflect.construct(ArrayBuffer, [12 * 4, { maxByteLength: 96 }]) as ArrayBuffer);
export const shared = () => new Float32Array(new SharedArrayBuffer(12 * 4));
export function detached(): Float32Array {
  const array = new Float32Array(12);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
