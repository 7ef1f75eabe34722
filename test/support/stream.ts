import type { Device } from 'roi-loss';
import * as assert from 'uvu/assert';
import { captureStream, handleOf } from '../../common/stream';

export { captureStream, handleOf };

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
