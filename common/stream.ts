import type { Device } from 'roi-loss';
import type { NativeDevice, NativeGraph } from '../lib/native';

/** The native device, whose stream tests and benchmarks may capture. */
export const handleOf = (device: Device) => (device as unknown as { readonly handle: NativeDevice }).handle;

/**
 * What the owner of a GPU's stream may do: captures all that `enqueue` enqueues on it. The stream is free after it,
 * whatever is thrown.
 */
export function captureStream(device: Device, enqueue: () => void): NativeGraph {
  const handle = handleOf(device);
  handle.beginCapture();
  try {
    enqueue();
    return handle.endCapture();
  } catch (error) {
    try {
      handle.endCapture();
    } catch {
      // It had ended.
    }
    throw error;
  }
}
