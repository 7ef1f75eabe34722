import { type Batch, fusedLoss, fusedMaskLoss, openDevice } from 'roi-loss';
import { iou, roiAlign } from './boxes';
import { compareStep, maskKinds, timeTargets, warmPlainLoop } from './compare';
import { foregroundClasses, imageSize } from './digits';
import { classes, type Minibatch, makeMinibatch } from './minibatch';
import type { Roi } from './rois';
import { grey, printPictures, printTable, redBlue, showPhase } from './terminal';

/** How far a loss may be from the float64 reference, relative to it, and a gradient, relative to the largest. */
const tolerance = 1e-6;

/** With the two digits that other work on the machine leaves alone. */
const rough = (value: number) => String(Number(value.toPrecision(2)));

async function printHead({ scenes, rois, shown }: Minibatch, batch: Batch): Promise<void> {
  const metrics = await fusedLoss(batch, { grad: false, metrics: true }).metrics();
  const percent = (share = 0) => `${Math.round(100 * share)}%`;
  console.log(
    `${rois.length} RoIs from ${scenes} scenes of handwritten digits, ${shown.length} of them foreground.
K = ${foregroundClasses} digits are the foreground classes; with background, C = ${classes}.
Logits come from a linear head that gets ${percent(metrics?.class?.classAccuracy)} of the RoIs right, \
${percent(metrics?.class?.foregroundAccuracy)} of the foreground, ${percent(metrics?.mask?.pixelAccuracy)} of the mask pixels.
`,
  );
}

/** The RoI that frames its digit best: what it shows, its mask target, and the gradient of its mask logits. */
function printRoi({ shown, inputs }: Minibatch, batch: Batch): void {
  const fit = ({ box, instance }: Roi) => (instance ? iou(box, instance.box) : 0);
  const index = shown.reduce((best, roi, i) => (fit(roi) > fit(shown[best]!) ? i : best), 0);
  const { scene, box, label } = shown[index]!;
  fusedMaskLoss(batch, { kind: 'bce' });
  const grads = batch.grads.maskLogits!.readSync();
  const area = imageSize ** 2;
  const channel = (index * foregroundClasses + label - 1) * area;
  printPictures(imageSize, {
    [`RoI of a ${label - 1}`]: grey(roiAlign(scene.pixels, scene.size, box, imageSize)),
    'mask target': grey(inputs.maskTargets.subarray(index * area, (index + 1) * area)),
    'bce gradient (blue −, red +)': redBlue(grads.subarray(channel, channel + area)),
  });
}

/** Class and box are the same in every step, and printed once. */
function firstOfEach<T extends { readonly name: string }>(rows: readonly T[]): T[] {
  return rows.filter(({ name }, i) => rows.findIndex((other) => other.name === name) === i);
}

function printComparison(steps: readonly ReturnType<typeof compareStep>[]): void {
  const small = (value: number) => value.toExponential(1);
  printTable(
    ['loss', 'roi-loss', 'float64 reference', 'relative difference'],
    firstOfEach(steps.flatMap(({ losses }) => losses)).map(({ name, value, reference, difference }) => [
      name,
      value.toFixed(8),
      reference.toFixed(8),
      small(difference),
    ]),
  );
  printTable(
    ['gradient', 'largest', 'largest error', 'relative to the largest'],
    firstOfEach(steps.flatMap(({ grads }) => grads)).map(({ name, largest, error, difference }) => [
      name,
      small(largest),
      small(error),
      small(difference),
    ]),
  );
  printTable(
    ['step: all losses and gradients (medians)', 'roi-loss', 'plain TypeScript', 'speed-up'],
    steps.map(({ name, time, plainTime }) => [
      name,
      `${rough(time / 1e3)} ms`,
      `${rough(plainTime / 1e3)} ms`,
      `${rough(plainTime / time)}×`,
    ]),
  );
}

function printCost({ made, given, name }: ReturnType<typeof timeTargets>): void {
  const milliseconds = (time: number) => `${rough(time / 1e3)} ms`;
  printTable(
    [`targets, ${name} (medians)`, 'step'],
    [
      ['made in the step, from boxes and bitmaps', milliseconds(made)],
      ['given', milliseconds(given)],
      ['what making them costs', milliseconds(made - given)],
    ],
  );
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
  });
  batch.write(inputs);
  showPhase('Warming up');
  warmPlainLoop(inputs);
  const steps = maskKinds.map((kind) => compareStep(batch, inputs, kind, showPhase));
  const cost = timeTargets(minibatch, showPhase);
  showPhase('');

  console.log(`Device: ${device.name} (${device.description})\n`);
  await printHead(minibatch, batch);
  printComparison(steps);
  printCost(cost);
  printRoi(minibatch, batch);

  const wrong = steps
    .flatMap(({ losses, grads }) => [...losses, ...grads])
    .filter(({ difference }) => !(difference <= tolerance));
  for (const { name, difference } of wrong) console.error(`WRONG: ${name} is off by ${difference}`);
  if (wrong.length > 0) process.exitCode = 1;
  else console.log(`All losses and gradients are within ${tolerance.toExponential()} of the reference.`);
  console.log('Next: README.md for the API, npm run bench for more timings, npm test for all the checks.');
}

main();
