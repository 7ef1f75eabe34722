import * as tf from '@tensorflow/tfjs';
import { openDevice } from 'roi-loss';
import { roiLosses } from 'roi-loss/tfjs';
import { type Examples, side } from '../data/dataset';
import { type LossName, lossKinds } from '../settings';
import type { Head } from './head';

/** On one thread: the experiment trains in as many processes as there are cores. */
const losses = roiLosses(tf, { device: openDevice('cpu', { threads: 1 }) });

export const optionsOf = (loss: LossName) => ({ mask: { kind: lossKinds[loss] } });

/** What a head says of RoIs: class logits and box deltas of all, mask logits of the foreground. */
export function outputsOf(head: Head, { count, foreground, crops }: Examples) {
  const features = head.features(tf.tensor4d(crops, [count, side, side, 1]));
  return { ...head.classify(features), maskLogits: head.segment(features, foreground) };
}

export type Outputs = ReturnType<typeof outputsOf>;

/** What it should say. */
export function targetsOf({ count, foreground, labels, boxTargets, maskTargets }: Examples) {
  return {
    labels: tf.tensor1d(labels, 'int32'),
    boxTargets: tf.tensor2d(boxTargets, [count, 4]),
    maskLabels: tf.tensor1d(labels.subarray(0, foreground), 'int32'),
    maskTargets: tf.tensor3d(maskTargets, [foreground, side, side], 'bool'),
  };
}

/** L_cls + L_box + L_mask and its terms. */
export const lossesOf = (outputs: Outputs, examples: Examples, loss: LossName) =>
  losses.fusedLoss({ ...outputs, ...targetsOf(examples) }, optionsOf(loss));
