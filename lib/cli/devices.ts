import { type DeviceInfo, devices, openDevice } from '../device';
import type { Arguments } from './main';
import { line, paint, printJson } from './print';

export async function devicesCommand({ json }: Arguments): Promise<boolean> {
  const found = devices();
  if (json)
    printJson({ node: process.version, platform: process.platform, arch: process.arch, devices: found });
  else
    for (const { name, available, description, reason } of found)
      console.log(
        line(
          [8, 10],
          [
            name,
            available ? paint('green', 'usable'.padEnd(10)) : paint('yellow', 'not usable'),
            available ? description : `${description}: ${reason}`,
          ],
        ),
      );
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
