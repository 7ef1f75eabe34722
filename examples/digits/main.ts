import {
  type Batch,
  type FusedLossOptions,
  fusedLoss,
  fusedMaskLoss,
  type MaskKind,
  type MaskMixture,
  openDevice,
} from 'roi-loss';
import { plainLoss } from '../../bench/peers/plain';
import { referenceLoss } from '../../test/reference';
import { roiAlign } from './boxes';
import { foregroundClasses, imageSize } from './digits';
import { compareGradients, compareLoss, medianTime } from './measure';
import { classes, type Minibatch, makeMinibatch } from './minibatch';
import { grey, printPictures, printTable, redBlue, showPhase } from './terminal';

/** How far a loss may be from the float64 reference, relative to it, and a gradient, relative to the largest. */
const tolerance = 1e-6;

const maskKinds: readonly (readonly [name: string, kind: MaskKind | MaskMixture])[] = [
  ['bce', 'bce'],
  ['dice', 'dice'],
  ['smoothed-bce', 'smoothed-bce'],
  ['½ dice + ½ smoothed-bce', { dice: 0.5, 'smoothed-bce': 0.5 }],
];

/** A step with one kind of mask loss: on the device, by the reference, and by the plain loop. */
function run(kindName: string, kind: MaskKind | MaskMixture, batch: Batch, inputs: Minibatch['inputs']) {
  const options: FusedLossOptions = { box: { beta: 1 / 9 }, mask: { kind } };
  const sizes = { classes, maskSize: [imageSize, imageSize] as [number, number] };
  showPhase(`Float64 reference, ${kindName}`);
  const reference = referenceLoss(inputs, { ...options, ...sizes });
  const losses = fusedLoss(batch, options).lossesSync();
  showPhase(`Comparing and timing, ${kindName}`);
  return {
    losses: (['class', 'box', 'mask', 'total'] as const).map((term) =>
      compareLoss(nameOf(term, kindName), losses[term], reference.losses[term]),
    ),
    grads: (['classLogits', 'boxDeltas', 'maskLogits'] as const).map((input) =>
      compareGradients(nameOf(input, kindName), batch.grads[input]!.readSync(), reference.grads[input]!),
    ),
    times: {
      name: kindName,
      fused: medianTime(() => fusedLoss(batch, options).lossesSync()),
      plain: medianTime(() => plainLoss(inputs, { ...options, ...sizes })),
    },
  };
}

/** Class and box are the same with every mask loss. */
function nameOf(what: string, kindName: string): string {
  return /class|box/.test(what) ? what : `${what}, ${kindName}`;
}

async function printHead({ scenes, rois, shown }: Minibatch, batch: Batch): Promise<void> {
  const metrics = await fusedLoss(batch, { grad: false, metrics: true }).metrics();
  const percent = (share = 0) => `${Math.round(100 * share)}%`;
  console.log(
    `${rois.length} RoIs from ${scenes} scenes of handwritten digits, ${shown.length} of them foreground.`,
  );
  console.log(`K = ${foregroundClasses} digits are the foreground classes; with background, C = ${classes}.`);
  console.log(
    `A linear head classifies ${percent(metrics?.class?.classAccuracy)} of the RoIs right,`,
    `${percent(metrics?.class?.foregroundAccuracy)} of the foreground, and ${percent(metrics?.mask?.pixelAccuracy)} of the mask pixels.\n`,
  );
}

/** The largest RoI of a digit: what it shows, its mask target, and where BCE's gradient pulls its mask logits. */
function printRoi({ shown, inputs }: Minibatch, batch: Batch): void {
  const width = ({ box: [x0, , x1] }: Minibatch['shown'][number]) => x1 - x0;
  const index = shown.reduce((best, roi, i) => (width(roi) > width(shown[best]!) ? i : best), 0);
  const { scene, box, label } = shown[index]!;
  fusedMaskLoss(batch, { kind: 'bce' });
  const area = imageSize ** 2;
  const channel = (index * foregroundClasses + label - 1) * area;
  const grads = batch.grads.maskLogits!.readSync();
  printPictures(imageSize, {
    [`RoI of a ${label - 1}`]: grey(roiAlign(scene.pixels, scene.size, box, imageSize)),
    'mask target': grey(inputs.maskTargets.subarray(index * area, (index + 1) * area)),
    'gradient, bce (− blue, + red)': redBlue(grads.subarray(channel, channel + area)),
  });
}

async function main(): Promise<void> {
  const minibatch = makeMinibatch(showPhase);
  const { inputs, rois, shown } = minibatch;
  using device = openDevice();
  using batch = device.batch({
    rois: rois.length,
    classes,
    boxChannels: foregroundClasses,
    maskRois: shown.length,
    maskChannels: foregroundClasses,
    maskTargetType: 'uint8',
  });
  batch.write(inputs);
  const results = maskKinds.map(([name, kind]) => run(name, kind, batch, inputs));
  showPhase('');

  console.log(`Device: ${device.name} (${device.description})\n`);
  await printHead(minibatch, batch);
  const losses = results.flatMap((result) => result.losses);
  const grads = results.flatMap((result) => result.grads);
  printTable(
    ['loss', 'roi-loss', 'float64 reference', 'relative difference'],
    once(losses).map(({ name, value, reference, difference }) => [
      name,
      value.toFixed(8),
      reference.toFixed(8),
      difference.toExponential(1),
    ]),
  );
  printTable(
    ['gradient', 'largest', 'largest error', 'relative to the largest'],
    once(grads).map(({ name, largest, error, difference }) => [
      name,
      largest.toExponential(1),
      error.toExponential(1),
      difference.toExponential(1),
    ]),
  );
  printTable(
    ['step: all losses and gradients', 'roi-loss', 'plain TypeScript', 'speed-up'],
    results.map(({ times: { name, fused, plain } }) => [
      name,
      `${fused.toFixed(3)} ms`,
      `${plain.toFixed(3)} ms`,
      `${(plain / fused).toFixed(0)}×`,
    ]),
  );
  printRoi(minibatch, batch);

  const wrong = [...losses, ...grads].filter(({ difference }) => !(difference <= tolerance));
  for (const { name, difference } of wrong) console.error(`WRONG: ${name} is off by ${difference}`);
  if (wrong.length > 0) process.exitCode = 1;
  else console.log(`All losses and gradients are within ${tolerance} of the reference.`);
  console.log('Next: README.md for the API, npm run bench for more timings, npm test for all the checks.');
}

/** The first of each name. */
function once<T extends { readonly name: string }>(rows: readonly T[]): T[] {
  return rows.filter(({ name }, i) => rows.findIndex((other) => other.name === name) === i);
}

main();
