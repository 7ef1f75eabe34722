import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import type { HostArray } from 'roi-loss';

// Values and objects that no honest caller passes.

const cyclic: unknown[] = [];
cyclic.push(cyclic, { cyclic });

/** Anything in place of an option or argument. Made anew for each use, as calls may break them. */
export const oddValues: readonly (() => unknown)[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, -1, 1.5, 1e-300, 1e300].map(
    (x) => () => x,
  ),
  ...[2 ** 31, 2 ** 32 + 1, 2 ** 53, -(2 ** 53)].map((x) => () => x),
  ...[undefined, null, true, false, '', '3', 'mean', 'constructor', '__proto__', 1n, Symbol('odd')].map(
    (x) => () => x,
  ),
  () => [],
  () => [1, 2],
  () => new Array(3),
  () => new Array(2 ** 32 - 1),
  () => cyclic,
  () => ({}),
  () => ({ valueOf: () => 1, toString: () => 'mean' }),
  () => Object.create(null),
  () => () => 1,
  () => new Proxy({}, {}),
  () => new Proxy([4, 4], {}),
  () => new Proxy(new Float32Array(4), {}),
  () => new Date(0),
  () => new Map(),
  () => new Float32Array(4),
  () => new Float64Array(4),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new SharedArrayBuffer(8),
  () => Promise.resolve(1),
  () => 'x'.repeat(1e5),
];
export const oddValue = fc.constantFrom(...oddValues);

const copyInto = (array: HostArray, buffer: ArrayBufferLike, offset = 0, length?: number) => {
  const Type = array.constructor as new (
    buffer: ArrayBufferLike,
    offset: number,
    length?: number,
  ) => HostArray;
  const copy = new Type(buffer, offset, length);
  copy.set(array.subarray(0, copy.length));
  return copy;
};
const resizable = (bytes: number) =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes + 8 }]) as ArrayBuffer;

export function detach(array: HostArray): void {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
}

const lying = (properties: object) => (array: HostArray) =>
  Object.defineProperties(
    array.slice(),
    Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, { value }])),
  ) as HostArray;

/** The same array in other clothes, and what such a thing is allowed to do: be taken as it is, or be refused. */
export const costumes: { readonly [name: string]: (array: HostArray) => unknown } = {
  'another realm': (array) =>
    runInNewContext(`new ${array.constructor.name}(values)`, { values: Array.from(array) }),
  'a subclass': (array) => {
    const Sub = class extends (array.constructor as typeof Float32Array) {
      override get length(): number {
        return 1e9;
      }
    };
    return new Sub(array as Float32Array);
  },
  'a length that lies': lying({ length: 3 }),
  'a buffer that lies': (array) =>
    Object.defineProperty(copyInto(array, new SharedArrayBuffer(array.byteLength)), 'buffer', {
      value: new ArrayBuffer(array.byteLength),
    }),
  'sizes that lie': lying({ BYTES_PER_ELEMENT: 1, byteLength: 0, byteOffset: 4 }),
  'methods that lie': lying({
    forEach() {},
    every: () => true,
    [Symbol.iterator]: () => [][Symbol.iterator](),
  }),
  'a tag that lies': lying({ [Symbol.toStringTag]: 'Float32Array', constructor: Float32Array }),
  frozen: (array) => Object.preventExtensions(array.slice()),
  shared: (array) => copyInto(array, new SharedArrayBuffer(array.byteLength)),
  resizable: (array) => copyInto(array, resizable(array.byteLength), 0, array.length),
  'length-tracking': (array) => copyInto(array, resizable(array.byteLength)),
  'out of bounds': (array) => {
    const buffer = resizable(array.byteLength);
    const copy = copyInto(array, buffer, 0, array.length);
    (buffer as unknown as { resize(bytes: number): void }).resize(0);
    return copy;
  },
  detached: (array) => {
    const copy = array.slice();
    detach(copy);
    return copy;
  },
  'one longer': (array) => copyInto(array, new ArrayBuffer(array.byteLength + array.BYTES_PER_ELEMENT)),
  'one shorter': (array) => array.slice(1),
  empty: (array) => array.slice(0, 0),
  'twice as long': (array) => copyInto(array, new ArrayBuffer(2 * array.byteLength)),
  'an odd offset': (array) =>
    copyInto(array, new ArrayBuffer(array.byteLength + 8), array.BYTES_PER_ELEMENT, array.length),
  'a plain array': (array) => Array.from(array),
  'a proxy': (array) => new Proxy(array.slice(), {}),
  'an heir': (array) => Object.create(array),
  'floats of 64 bits': (array) => Float64Array.from(array),
  'small integers': (array) => Int8Array.from(array),
  clamped: (array) => Uint8ClampedArray.from(array),
  'integers that are large': (array) => BigInt64Array.from(Array.from(array, () => 1n)),
  'a view of bytes': (array) => new DataView(array.slice().buffer),
};
export const costume = fc.constantFrom(...Object.keys(costumes));

/** The same properties, put another way: all of these are taken. */
export const wrappings: { readonly [name: string]: (object: object) => object } = {
  plain: (object) => object,
  frozen: (object) => Object.freeze({ ...object }),
  inherited: (object) => Object.create(object),
  'no prototype': (object) => Object.assign(Object.create(null), object),
  proxied: (object) => new Proxy(object, {}),
  getters: (object) =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        Object.keys(object).map((key) => [
          key,
          { enumerable: true, get: () => (object as { [key: string]: unknown })[key] },
        ]),
      ),
    ),
};
export const wrapping = fc.constantFrom(...Object.keys(wrappings));
