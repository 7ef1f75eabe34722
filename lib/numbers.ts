import { checkArray, lengthOf } from './check';
import { rangeError, show, typeError } from './errors';

// The values that options may have. Each check returns the value, or throws with the option's name: a prefix such as 'mask.'
// and the rest, which a step that is right need not put together.

function checkNumber(
  prefix: string,
  name: string,
  value: unknown,
  expected: string,
  fits: (x: number) => boolean,
): number {
  if (typeof value !== 'number' || !fits(value))
    throw rangeError('ERR_ROI_LOSS_OPTION', `${prefix}${name} is ${show(value)}; expected ${expected}`);
  return value;
}

export const isNotNegative = (x: number) => Number.isFinite(x) && x >= 0;
const isPositive = (x: number) => Number.isFinite(x) && x > 0;
export const finite = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number', Number.isFinite);
export const notNegative = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number from 0 on', isNotNegative);
export const positive = (prefix: string, name: string, value: unknown) =>
  checkNumber(prefix, name, value, 'a finite number above 0', isPositive);
const sizeText = (x: number) => (x > 0 && x < 1e-9 ? `2^${Math.log2(x)}` : `${x}`);
/** From `least` to `most`, which may be ∞. */
export const within = (prefix: string, name: string, value: unknown, least: number, most: number) =>
  checkNumber(
    prefix,
    name,
    value,
    most === Infinity ? `a finite number from ${sizeText(least)} on` : `a number from ${least} to ${most}`,
    (x) => Number.isFinite(x) && x >= least && x <= most,
  );
export const share = (prefix: string, name: string, value: unknown) => within(prefix, name, value, 0, 1);

export function flag(prefix: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw typeError('ERR_ROI_LOSS_OPTION', `${prefix}${name} is ${show(value)}; expected true or false`);
  return value;
}

/** [length] floats. */
export function floats(name: string, value: unknown, length: number): Float32Array {
  checkArray(name, value, 'Float32Array');
  if (lengthOf(value) !== length)
    throw rangeError('ERR_ROI_LOSS_SHAPE', `${name} has ${lengthOf(value)} elements; expected ${length}`);
  return value as Float32Array;
}
