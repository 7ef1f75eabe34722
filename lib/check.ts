import { types } from 'node:util';
import { halfArrayName } from './dtypes';
import { rangeError, show, typeError, withArticle } from './errors';
import { showHandle } from './handles';
import type { HalfArray, HostArray } from './types';

/** Throws unless `value` is an object with properties for what it says, and no array or handle. */
export function checkObject(name: string, value: unknown, expected = 'an object'): asserts value is object {
  if (
    typeof value !== 'object' ||
    value === null ||
    ArrayBuffer.isView(value) ||
    Array.isArray(value) ||
    showHandle(value)
  )
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is ${show(value)}; expected ${expected}`);
}

/** Throws on a name that is none of `known`: a typo must not be ignored. */
export function checkKeys(what: string, value: object, known: ReadonlySet<string>): void {
  for (const key in value)
    if (!known.has(key))
      throw typeError('ERR_ROI_LOSS_OPTION', `unknown ${what} '${key}'; expected ${[...known].join(', ')}`);
}

/** The properties that `known` names, inherited ones too, each read once; checks that there are no others. */
export function readKeys<T extends object>(what: string, value: T, known: ReadonlySet<string>): T {
  checkKeys(what, value, known);
  return Object.fromEntries([...known].map((key) => [key, value[key as keyof T]])) as T;
}

/** A typed array's own getter, past properties of the same name that an array or its class may have. */
function trueGetter<T>(name: 'length' | 'buffer'): (array: HostArray) => T {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name) ?? {};
  return (array) => (get as () => T).call(array);
}
/** The number of elements that a typed array truly has. */
export const lengthOf = trueGetter<number>('length');
const bufferOf = trueGetter<ArrayBufferLike>('buffer');

function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer, 0, 0);
    return false;
  } catch {
    return true;
  }
}

/** Throws unless native code may work on the array's memory while JavaScript waits. */
function checkBuffer(name: string, array: HostArray): void {
  const buffer = bufferOf(array);
  if (types.isSharedArrayBuffer(buffer))
    throw typeError(
      'ERR_ROI_LOSS_BUFFER',
      `${name} lies in a SharedArrayBuffer; expected an ArrayBuffer of its own`,
    );
  if ('resizable' in buffer && buffer.resizable)
    throw typeError(
      'ERR_ROI_LOSS_BUFFER',
      `${name} lies in a resizable ArrayBuffer; expected one of fixed length`,
    );
  if (lengthOf(array) === 0 && isDetached(buffer))
    throw typeError('ERR_ROI_LOSS_BUFFER', `${name} lies in a detached ArrayBuffer`);
}

/** The name of a typed array's class, across realms; undefined for anything else. */
export function arrayName(value: unknown): string | undefined {
  if (types.isFloat32Array(value)) return 'Float32Array';
  if (types.isInt32Array(value)) return 'Int32Array';
  if (types.isUint8Array(value)) return 'Uint8Array';
  if (types.isUint16Array(value)) return 'Uint16Array';
  if (!types.isTypedArray(value)) return undefined;
  return (value as { [Symbol.toStringTag]: string })[Symbol.toStringTag];
}

/** What to do about an array of halves where floats are expected, and the other way round. */
function halfHint(found: string | undefined, expected: readonly string[]): string {
  if (expected.includes('Uint16Array'))
    return ', which holds float16 or bfloat16 as bits: a float32 does not fit in';
  return found === 'Uint16Array' || found === halfArrayName
    ? '; float16 and bfloat16 are for the tensors of a device'
    : '';
}

/** Throws unless `value` is a typed array of one of the classes named in `expected`, over a usable buffer. */
export function checkArray(name: string, value: unknown, ...expected: string[]): asserts value is HostArray {
  const found = arrayName(value);
  if (found === undefined || !expected.includes(found))
    throw typeError(
      found === undefined ? 'ERR_ROI_LOSS_TYPE' : 'ERR_ROI_LOSS_DTYPE',
      `${name} is ${show(value)}; expected ${expected.map(withArticle).join(' or ')}${halfHint(found, expected)}`,
    );
  checkBuffer(name, value as HostArray);
}

/** The bits of a `Float16Array`; anything else as it is. */
export function bitsOf(value: unknown): unknown {
  if (arrayName(value) !== halfArrayName) return value;
  const { buffer, byteOffset, length } = value as HalfArray;
  return new Uint16Array(buffer, byteOffset, length);
}

/** Throws unless `value` is a whole number, at least `least`, that can count elements. */
export function checkSize(name: string, value: unknown, least = 0): asserts value is number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} is ${show(value)}; expected a whole number from ${least} on`,
    );
}

/** Throws unless `value` can be C. */
export function checkClasses(value: unknown): asserts value is number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 2)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `classes is ${show(value)}; expected C, a whole number from 2 on: C counts background${
        value === undefined ? '. Write { classes: 81 } among the options' : ''
      }`,
    );
}

/** The number of elements of a shape. Throws if it overflows. */
export function elements(name: string, shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count > 2 ** 48)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} would have the shape [${shape.join(', ')}]: its size overflows`,
    );
  return count;
}

/** One of a few strings, or the first of them where nothing is given. */
export function checkChoice<T extends string>(
  name: string,
  value: unknown,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0];
  if (!choices.includes(value as T))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} is ${show(value)}; expected ${choices.map(show).join(' or ')}`,
    );
  return value as T;
}
