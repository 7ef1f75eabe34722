import { types } from 'node:util';
import { dtypes, halfArrayName } from './dtypes';
import { rangeError, show, typeError, withArticle } from './errors';
import { showHandle } from './handles';
import type { DType, HalfArray, HostArray, LossInputs } from './types';

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
  const properties: { [key: string]: unknown } = {};
  for (const key of known) properties[key] = value[key as keyof T];
  return properties as T;
}

/** A typed array's own getter, past properties of the same name that an array or its class may have. */
function trueGetter<T>(name: 'length' | 'buffer' | 'byteOffset' | 'byteLength'): (array: HostArray) => T {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name) ?? {};
  return (array) => (get as () => T).call(array);
}
/** The number of elements that a typed array truly has. */
export const lengthOf = trueGetter<number>('length');
const bufferOf = trueGetter<ArrayBufferLike>('buffer');
const byteOffsetOf = trueGetter<number>('byteOffset');
const byteLengthOf = trueGetter<number>('byteLength');

/** Bytes of a buffer, from `begin` to before `end`. */
interface Bytes {
  readonly buffer: ArrayBufferLike;
  readonly begin: number;
  readonly end: number;
}

/** Where an array lies. */
export function bytesOf(array: HostArray): Bytes {
  const begin = byteOffsetOf(array);
  return { buffer: bufferOf(array), begin, end: begin + byteLengthOf(array) };
}

/** Whether two pieces of memory have a byte in common. */
export const overlap = (a: Bytes, b: Bytes): boolean =>
  a.buffer === b.buffer && a.begin < b.end && b.begin < a.end;

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

/** The number of elements of a shape that is known not to overflow. */
export const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

/** The number of elements of a shape. Throws if it overflows. */
export function elements(name: string, shape: readonly number[]): number {
  const count = product(shape);
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

const maxRank = 64;

/** Checks a shape as a user gives it. */
export function checkShape(name: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape))
    throw typeError('ERR_ROI_LOSS_TYPE', `${name} is ${show(shape)}; expected an array of sizes`);
  if (shape.length > maxRank)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has ${shape.length} sizes; expected no more than ${maxRank}`,
    );
  // A copy first: what is checked is what is used, whatever the array's getters do.
  const sizes: unknown[] = Array.from({ length: shape.length }, (_, axis) => shape[axis]);
  for (const [axis, size] of sizes.entries()) checkSize(`${name}[${axis}]`, size);
  elements(name, sizes as number[]);
  return Object.freeze(sizes as number[]);
}

/** Checks an element type as a user gives it. */
export function checkDType(name: string, dtype: unknown): asserts dtype is DType {
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype))
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} is ${show(dtype)}; expected ${Object.keys(dtypes).join(', ')}`,
    );
}

/** Throws unless a tensor has the sizes that follow from the other inputs. */
export function checkSizes(
  name: string,
  found: readonly number[],
  symbols: string,
  expected: readonly number[],
): void {
  if (found.join() !== expected.join())
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} has the shape [${found.join(', ')}]; expected ${symbols} = [${expected.join(', ')}]`,
    );
}

/** [height, width] as a caller gives it. */
function checkSides(name: string, value: unknown, note = ''): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2)
    throw rangeError('ERR_ROI_LOSS_SHAPE', `${name} is ${show(value)}; expected [height, width]${note}`);
  const [height, width]: unknown[] = value;
  checkSize(`${name}[0]`, height, 1);
  checkSize(`${name}[1]`, width, 1);
  return [height, width];
}

export const checkMaskSize = (value: unknown = [28, 28]) => checkSides('maskSize', value);
export const checkImageSize = (value: unknown) => checkSides('imageSize', value, ' of gtMasks');

/** Channels must be one a class, one a foreground class, or one for all. */
export function checkChannels(name: string, value: unknown, classes: number): number {
  if (value !== classes && value !== classes - 1 && value !== 1)
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${name} is ${show(value)}; expected ${classes} (all classes), ${classes - 1} (the foreground) or 1 (class-agnostic)`,
    );
  return value as number;
}

/** Throws where a class term has both of its possible inputs. */
export function checkOneScores({
  classLogits,
  classProbs,
}: { readonly [K in keyof LossInputs]?: unknown }): void {
  if (classLogits && classProbs)
    throw typeError('ERR_ROI_LOSS_OPTION', 'classLogits and classProbs are both given; expected one of them');
}

/** Throws where plain JavaScript calls a constructor, which types keep private: without arguments. */
export function checkMade(first: unknown, what: string, by: string): void {
  if (first === undefined)
    throw typeError(
      'ERR_ROI_LOSS_TYPE',
      `${what} has no constructor to call; expected ${by}, which makes it`,
    );
}
