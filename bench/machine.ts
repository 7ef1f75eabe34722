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

/** As the reports name it. */
export const machineOf = () =>
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`;

/** Tells whether others were at work. */
export const loadOf = () => `${loadavg()[0]!.toFixed(1)} others at the start`;
