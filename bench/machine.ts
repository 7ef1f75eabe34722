import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';

const unknownCache = 64 * 2 ** 20;

/** In bytes, as Linux tells; elsewhere a size that few exceed. */
export function lastLevelCache(): number {
  try {
    const size = readFileSync('/sys/devices/system/cpu/cpu0/cache/index3/size', 'utf8');
    return Number.parseInt(size, 10) * 1024;
  } catch {
    return unknownCache;
  }
}

/** Clouds name no more of a processor than its maker; Linux tells its family and model. */
function generation(): string {
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const [family, model] = ['cpu family', 'model'].map(
      (name) => new RegExp(`^${name}\\s*:\\s*(\\d+)$`, 'm').exec(text)?.[1],
    );
    return family && model ? ` (family ${family}, model ${model})` : '';
  } catch {
    return '';
  }
}

/** As the reports name it. */
export const machineOf = () =>
  `${cpus()[0]?.model ?? 'unknown CPU'}${generation()}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`;

/** Tells whether others were at work. */
export const loadOf = () => `${loadavg()[0]!.toFixed(1)} others at the start`;
