import { type DeviceInfo, devices, openDevice } from '../devices';
import type { Arguments } from './arguments';
import { line, paint, printJson } from './print';

/** What there is to say of a device in a line. */
function about({ description, reason, computeCapability, driver, memory }: DeviceInfo): string {
  if (reason !== undefined) return `${description}: ${reason}`;
  if (memory === undefined) return description;
  const gibibytes = (memory / 2 ** 30).toFixed(0);
  return `${description}, compute capability ${computeCapability}, ${gibibytes} GiB, driver for CUDA ${driver}`;
}

export async function devicesCommand({ json }: Arguments): Promise<boolean> {
  const found = devices();
  if (json)
    printJson({ node: process.version, platform: process.platform, arch: process.arch, devices: found });
  else
    for (const device of found) {
      const { name, available } = device;
      console.log(
        line(
          [8, 10],
          [
            name,
            available ? paint('green', 'usable'.padEnd(10)) : paint('yellow', 'not usable'),
            about(device),
          ],
        ),
      );
    }
  return true;
}

/** The usable devices, or the one that is asked for. @throws where that is not usable, with the reason */
export function devicesFor({ device }: Arguments): {
  usable: readonly string[];
  skipped: readonly DeviceInfo[];
} {
  if (device !== undefined) {
    openDevice(device).dispose();
    return { usable: [device], skipped: [] };
  }
  const found = devices();
  return {
    usable: found.flatMap(({ name, available }) => (available ? [name] : [])),
    skipped: found.filter(({ available }) => !available),
  };
}
