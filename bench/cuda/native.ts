import type { Device, Tensor } from 'roi-loss';
import type { NativeDevice, NativeMemory } from '../../lib/native';

// What lies under a device and a tensor.

export const nativeOf = (device: Device) => (device as unknown as { readonly handle: NativeDevice }).handle;

export const memoryOf = (tensor: Tensor) =>
  (tensor as unknown as { memory(name: string): NativeMemory }).memory('tensor');
