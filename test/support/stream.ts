import type { Device } from 'roi-loss';
import * as assert from 'uvu/assert';
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
