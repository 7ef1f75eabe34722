import { openDevice } from '../devices';
import { fusedLoss } from '../losses';
import type { Arguments } from './arguments';
import { batchOf, cases, classes, inputsOfCases, maskSize } from './cases';
import { devicesFor } from './devices';
import { line, paint, printJson } from './print';

const rois = 128;
const warmUps = 5;
const samplesLeast = 20;
const timeMs = 300;

/** The median, in microseconds. */
function timeOf(step: () => unknown): number {
  for (let i = 0; i < warmUps; i++) step();
  const times: number[] = [];
  const end = performance.now() + timeMs;
  while (times.length < samplesLeast || performance.now() < end) {
    const start = performance.now();
    step();
    times.push((performance.now() - start) * 1000);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

const widths = [8, 26, 12];

/** A step of every loss on every usable device, forward and backward, over handles. */
export async function benchCommand(args: Arguments): Promise<boolean> {
  const { usable, skipped } = devicesFor(args);
  const inputsOf = inputsOfCases(rois);
  const sizes = { rois, classes, maskSize };
  const results = [];
  if (!args.json) {
    console.log(`R = ${rois} RoIs, C = ${classes} classes, ${maskSize.join('×')} masks; medians\n`);
    console.log(line(widths, ['device', 'loss', 'µs a step']));
  }
  for (const name of usable) {
    using device = openDevice(name);
    for (const spec of cases) {
      using batch = batchOf(device, spec, inputsOf(spec));
      const microseconds = timeOf(() => fusedLoss(batch, spec.options).lossesSync());
      results.push({ device: name, description: device.description, loss: spec.name, microseconds });
      if (!args.json) console.log(line(widths, [name, spec.name, microseconds.toFixed(1).padStart(9)]));
    }
  }
  if (args.json) {
    printJson({ sizes, results, skipped });
    return true;
  }
  for (const { name, reason } of skipped)
    console.log(line(widths, [name, paint('yellow', `skipped: ${reason}`)]));
  console.log('\nBeside floors, PyTorch and a plain loop: `npm run bench` in a clone of the repository.');
  return true;
}
