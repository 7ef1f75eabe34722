import type { Device } from 'roi-loss';
import type { NativeDevice, NativeGraph } from '../../lib/native';

/** What the owner of a GPU's stream may do: captures all that `enqueue` enqueues on it. */
export function captureStream(device: Device, enqueue: () => void): NativeGraph {
  const { handle } = device as unknown as { readonly handle: NativeDevice };
  handle.beginCapture();
  try {
    enqueue();
  } catch (error) {
    handle.endCapture();
    throw error;
  }
  return handle.endCapture();
}
