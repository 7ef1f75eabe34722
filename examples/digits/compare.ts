import { type Batch, type FusedLossOptions, fusedLoss, type MaskKind, type MaskMixture } from 'roi-loss';
import { plainLoss } from '../../bench/peers/plain';
import { referenceLoss } from '../../lib/reference';
import { imageSize } from './digits';
import { medianTime } from './median';
import { classes, type Minibatch } from './minibatch';

export const maskKinds: readonly (readonly [name: string, kind: MaskKind | MaskMixture])[] = [
  ['bce', 'bce'],
  ['dice', 'dice'],
  ['smoothed-bce', 'smoothed-bce'],
  ['½ dice + ½ smoothed-bce', { dice: 0.5, 'smoothed-bce': 0.5 }],
];

/** A step with one kind of mask loss, on the batch's device, against the float64 reference and the plain loop. */
export function compareStep(
  batch: Batch,
  inputs: Minibatch['inputs'],
  [name, kind]: (typeof maskKinds)[number],
  onPhase: (text: string) => void,
) {
  const options: FusedLossOptions = { box: { beta: 1 / 9 }, mask: { kind } };
  const onHost = { ...options, classes, maskSize: [imageSize, imageSize] as [number, number] };
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
  return {
    ...compared,
    name,
    time: medianTime(() => fusedLoss(batch, options).lossesSync()),
    plainTime: medianTime(() => plainLoss(inputs, onHost)),
  };
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
