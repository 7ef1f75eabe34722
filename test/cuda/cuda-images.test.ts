import { execFileSync } from 'node:child_process';
import type { DeviceInfo } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { builtImages } from '../../common/images';
import { onStandin } from '../support/device';

// Which GPUs the kernels run on, and under which drivers. The stand-in loads an image that holds code for the GPU alone.

const test = suite('kernel images');

const capabilities = [70, 75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121];
const drivers = [10020, 11000, 11070, 11080, 12000, 12080, 13000, 14000];

/** As 13000, from 13.0. */
const numberOf = (cuda: string) => {
  const [major, minor] = cuda.split('.').map(Number) as [number, number];
  return major * 1000 + minor * 10;
};
const old = builtImages()
  .map(({ cuda }) => numberOf(cuda))
  .find((cuda) => cuda < 13000);

/** The first version of CUDA whose driver runs the kernels on a GPU, as the README says. */
function leastDriver(capability: number): number {
  if (old === undefined) return 13000;
  // Machine code runs under all drivers of the toolkit's major version, PTX under those of the toolkit's own.
  return capability < 100 ? Math.floor(old / 1000) * 1000 : old;
}

const dotted = (n: number) => `${Math.floor(n / 10)}.${n % 10}`;
const versionText = (driver: number) => `${Math.floor(driver / 1000)}.${(driver % 1000) / 10}`;

/** What is said of a GPU of each compute capability under a driver; undefined of those that can be used. */
function reasonsUnder(driver: number): (string | undefined)[] {
  const output = execFileSync(
    process.execPath,
    ['-e', "console.log(JSON.stringify(require('roi-loss').devices()))"],
    {
      cwd: __dirname,
      encoding: 'utf8',
      env: {
        ...process.env,
        ROI_STANDIN_DEVICES: String(capabilities.length),
        ROI_STANDIN_CC: capabilities.join(),
        ROI_STANDIN_DRIVER_VERSION: String(driver),
      },
    },
  );
  const [, ...gpus]: DeviceInfo[] = JSON.parse(output);
  return gpus.map(({ reason }) => reason);
}

function addTests(): void {
  for (const driver of drivers)
    test(`a driver for CUDA ${versionText(driver)}`, () => {
      const reasons = reasonsUnder(driver);
      assert.is(reasons.length, capabilities.length);
      capabilities.forEach((capability, i) => {
        const reason = reasons[i];
        const where = `compute capability ${dotted(capability)}`;
        const least = leastDriver(capability);
        if (capability < 75)
          assert.is(reason, `there are no kernels for ${where}; this build has them for 7.5 and newer`);
        else if (driver >= least) assert.is(reason, undefined, where);
        else
          assert.match(
            reason as string,
            `the NVIDIA driver is too old: it supports CUDA ${versionText(driver)}, the kernels for ${where} need CUDA ${versionText(least)}`,
          );
      });
    });

  test('the driver that is needed is named by its own number', () => {
    const number = { 11: 450, 12: 525, 13: 580 }[Math.floor(leastDriver(75) / 1000)];
    assert.match(reasonsUnder(10020)[1] as string, `(driver ${number} or newer)`);
  });
}

if (onStandin) {
  addTests();
} else {
  console.log('skipped: which GPUs and drivers there are kernels for — the stand-in alone plays all of them');
  test.skip('which GPUs and drivers there are kernels for');
}

test.run();
