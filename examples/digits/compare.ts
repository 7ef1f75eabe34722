import {
  type Batch,
  type FusedLossOptions,
  fusedLoss,
  type MaskKind,
  type MaskMixture,
  openDevice,
} from 'roi-loss';
import { plainLoss } from '../../bench/peers/plain';
import { race } from '../../bench/timing';
import { referenceLoss } from '../../lib/reference';
import { foregroundClasses, imageSize } from './digits';
import { classes, type Minibatch } from './minibatch';
import { sceneSize } from './scenes';

export const maskKinds: readonly (readonly [name: string, kind: MaskKind | MaskMixture])[] = [
  ['bce', 'bce'],
  ['dice', 'dice'],
  ['smoothed-bce', 'smoothed-bce'],
  ['½ dice + ½ smoothed-bce', { dice: 0.5, 'smoothed-bce': 0.5 }],
];

/** Enough turns of each for a median that a busy machine does not move far. */
const effort = { milliseconds: 400, leastSamples: 15 };

const optionsOf = (kind: MaskKind | MaskMixture): FusedLossOptions => ({
  box: { beta: 1 / 9 },
  mask: { kind },
});

/** What calls on host arrays are told besides. */
const sizes = { classes, maskSize: [imageSize, imageSize] as [number, number] };

/** Lets the plain loop meet every kind of loss several times: the compiler makes its code for all of them. */
export function warmPlainLoop(inputs: Minibatch['inputs']): void {
  for (let i = 0; i < 5; i++)
    for (const [, kind] of maskKinds) plainLoss(inputs, { ...optionsOf(kind), ...sizes });
}

/**
 * A step with one kind of mask loss, on the batch's device, against the float64 reference and the plain loop. Times are
 * medians in microseconds, of samples that the two take in turns.
 */
export function compareStep(
  batch: Batch,
  inputs: Minibatch['inputs'],
  [name, kind]: (typeof maskKinds)[number],
  onPhase: (text: string) => void,
) {
  const options = optionsOf(kind);
  const onHost = { ...options, ...sizes };
  onPhase(`Checking ${name}`);
  const reference = referenceLoss(inputs, onHost);
  const losses = fusedLoss(batch, options).lossesSync();
  const loss = (term: 'class' | 'box' | 'mask' | 'total', title: string) =>
    compareLoss(title, losses[term], reference.losses[term]);
  const grad = (input: 'classLogits' | 'boxDeltas' | 'maskLogits', title: string) =>
    compareGradients(title, batch.grads[input]!.readSync(), reference.grads[input]!);
  const compared = {
    losses: [
      loss('class', 'class'),
      loss('box', 'box'),
      loss('mask', `mask, ${name}`),
      loss('total', `total, ${name}`),
    ],
    grads: [
      grad('classLogits', 'classLogits'),
      grad('boxDeltas', 'boxDeltas'),
      grad('maskLogits', `maskLogits, ${name}`),
    ],
  };
  onPhase(`Timing ${name}`);
  const { fused, plain } = race(
    {
      fused: () => fusedLoss(batch, options).lossesSync(),
      plain: () => plainLoss(inputs, onHost),
    },
    effort,
  );
  return { ...compared, name, time: fused!.median, plainTime: plain!.median };
}

/** What a step takes that makes its targets, on the CPU, and one that is given them. Medians in microseconds. */
export function timeTargets({ objects, inputs }: Minibatch, onPhase: (text: string) => void) {
  onPhase('Timing targets');
  using device = openDevice('cpu');
  const shared = {
    rois: objects.labels.length,
    classes,
    boxChannels: foregroundClasses,
    maskRois: objects.maskLabels.length,
    maskChannels: foregroundClasses,
  };
  using made = device.batch({
    ...shared,
    objects: objects.gtBoxes.length / 4,
    imageSize: [sceneSize, sceneSize],
  });
  using given = device.batch(shared);
  made.write(objects);
  given.write(inputs);
  const times = race(
    { made: () => fusedLoss(made).lossesSync(), given: () => fusedLoss(given).lossesSync() },
    effort,
  );
  return { made: times.made!.median, given: times.given!.median, name: device.description };
}

/** A loss beside the reference's, and how far it is off, relative to the reference. */
function compareLoss(name: string, value: number, reference: number) {
  return { name, value, reference, difference: ratio(Math.abs(value - reference), Math.abs(reference)) };
}

/** The largest error of gradients, and how large that is relative to the largest gradient. */
function compareGradients(name: string, values: ArrayLike<number>, reference: ArrayLike<number>) {
  if (values.length !== reference.length)
    throw new Error(`${name}: ${values.length} gradients, but ${reference.length} in the reference`);
  let largest = 0;
  let error = 0;
  for (let i = 0; i < reference.length; i++) {
    largest = Math.max(largest, Math.abs(reference[i]!));
    error = Math.max(error, Math.abs(values[i]! - reference[i]!));
  }
  return { name, largest, error, difference: ratio(error, largest) };
}

function ratio(error: number, scale: number): number {
  return error === 0 ? 0 : error / scale;
}
