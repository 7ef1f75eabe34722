import type { ChildMessage } from './api';
import { fuzzHere } from './here';

// A process that fuzzes one device and tells its parent how far it is.

const say = (message: ChildMessage) => process.send?.(message);
const everyMs = 500;
let last = performance.now();

async function main(): Promise<void> {
  const onProgress = (runs: number) => {
    if (performance.now() - last < everyMs) return;
    last = performance.now();
    say({ runs });
  };
  try {
    say({ runs: await fuzzHere({ ...JSON.parse(process.argv[2] as string), onProgress }) });
  } catch (error) {
    say({ failure: (error as Error).message });
  }
  process.disconnect?.();
}

main();
