import type { Device, DeviceInfo, Tensor } from 'roi-loss';
import type { NativeDevice, NativeMemory } from '../../lib/native';

// What lies under a device and a tensor.

export const nativeOf = (device: Device) => (device as unknown as { readonly handle: NativeDevice }).handle;

export const memoryOf = (tensor: Tensor) =>
  (tensor as unknown as { memory(name: string): NativeMemory }).memory('tensor');

export const bytesOfTensor = ({ length, dtype }: Tensor) =>
  length * { float32: 4, int32: 4, float16: 2, bfloat16: 2, uint8: 1 }[dtype];

/** What plays a GPU: it says so in its description. */
export const standInOf = ({ description }: DeviceInfo): string | undefined =>
  /stand-in|ptxrun/.exec(description)?.[0];
