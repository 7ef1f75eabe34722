import type { DType, HostArray } from './types';

interface DTypeInfo {
  /** As `DType` in native/problem.h. */
  readonly code: number;
  readonly bytes: number;
  readonly host: new (length: number) => HostArray;
  /** The name of `host`, for messages. */
  readonly hostName: string;
}

export const dtypes: { readonly [K in DType]: DTypeInfo } = {
  float32: { code: 0, bytes: 4, host: Float32Array, hostName: 'Float32Array' },
  float16: { code: 1, bytes: 2, host: Uint16Array, hostName: 'Uint16Array' },
  bfloat16: { code: 2, bytes: 2, host: Uint16Array, hostName: 'Uint16Array' },
  uint8: { code: 3, bytes: 1, host: Uint8Array, hostName: 'Uint8Array' },
  int32: { code: 4, bytes: 4, host: Int32Array, hostName: 'Int32Array' },
};

/** The arrays of a runtime's own for halves: Node 24 has them. Their bits are those of a `Uint16Array`. */
export const halfArrayName = 'Float16Array';

/** The element type that a host array has unless something else is said. */
export const defaultDType: { readonly [name: string]: DType | undefined } = {
  Float32Array: 'float32',
  Uint8Array: 'uint8',
  Int32Array: 'int32',
  [halfArrayName]: 'float16',
};
