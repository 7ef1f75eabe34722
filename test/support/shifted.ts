import type { Device, HostArray, Tensor } from 'roi-loss';

/** A tensor that holds the array, borrowed so many elements into memory of its own: that is `room`. */
export function shifted(
  device: Device,
  array: HostArray,
  by: number,
  shape: readonly number[],
  dtype: Tensor['dtype'],
) {
  const bytes = array.byteLength + by * array.BYTES_PER_ELEMENT;
  const room = device.tensor(new Uint8Array(bytes), [bytes]);
  const inner = device.tensorAt(room.pointer + BigInt(by * array.BYTES_PER_ELEMENT), shape, dtype);
  inner.write(array);
  return { room, inner };
}
