import type { Device } from 'roi-loss';
import * as assert from 'uvu/assert';
import type { NativeDevice, NativeGraph } from '../../lib/native';

/** The native device, whose stream tests may capture. */
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

/** Whether there is a stream to capture: ptxrun has none. */
export function capturesStreams(device: Device): boolean {
  try {
    captureStream(device, () => {});
    return true;
  } catch (error) {
    assert.match((error as Error).message, 'no CUDA graphs');
    return false;
  }
}
