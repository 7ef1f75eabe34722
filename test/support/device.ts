import * as roiLoss from 'roi-loss';
import { Batch, type Device, type DeviceOptions } from 'roi-loss';

// The device under test. The runner runs a suite that imports this file on every device that it finds.

const name = process.env.ROI_LOSS_TEST_DEVICE ?? 'cpu';
const label = process.env.ROI_LOSS_TEST_DEVICE_NAME ?? name;

export const onCuda = name !== 'cpu';
/** Whether it is a CPU that plays a GPU: right, but slow. */
export const simulated = /\((stand-in|ptxrun)\)/.test(label);
/** Whether it is the stand-in, which fails on demand. The kit's rehearsal takes it for a GPU, and has no CMake to build controls. */
export const onStandin = label.includes('(stand-in)') && !process.env.ROI_LOSS_REHEARSAL;
/** Whether the host goes on while the device works. */
export const asynchronous = !label.includes('(ptxrun)');
if (onCuda) console.log(`on ${label}`);

/** Opens the device under test. `threads` are the CPU's. */
export function openTestDevice({ threads, ...options }: DeviceOptions = {}): Device {
  return roiLoss.openDevice(name, onCuda ? options : { threads, ...options });
}

/** How many of something: fewer where each takes long. */
export const unlessSimulated = (many: number, few: number) => (simulated ? few : many);

/** The function, whose calls on arrays run on the device under test unless they name another. */
function onTestDevice<F extends (inputs: never, options: never) => unknown>(call: F): F {
  const run = call as unknown as (inputs: unknown, options?: object) => unknown;
  return ((inputs: unknown, options?: object) =>
    run(inputs, inputs instanceof Batch ? options : { device: name, ...options })) as unknown as F;
}

export const fusedLoss = onTestDevice(roiLoss.fusedLoss);
export const fusedClassLoss = onTestDevice(roiLoss.fusedClassLoss);
export const fusedBoxLoss = onTestDevice(roiLoss.fusedBoxLoss);
export const fusedMaskLoss = onTestDevice(roiLoss.fusedMaskLoss);
