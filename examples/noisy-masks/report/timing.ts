import * as tf from '@tensorflow/tfjs';
import { plainLoss } from '../../../bench/peers/tfjs-losses';
import { splitDigits, trainingExamples } from '../data/dataset';
import { Head } from '../head/head';
import { lossesOf, type Outputs, optionsOf, outputsOf, targetsOf } from '../head/loss';
import { batchesOf } from '../head/train';
import type { Settings } from '../settings';
import { type Share, sharesOf } from '../share';

export interface Shares {
  readonly fused: Omit<Share, 'curve'>;
  readonly plain: Omit<Share, 'curve'>;
}

const seed = 1;
/** As many as its median needs. */
const steps = 30;
const scenes = 40;
/** The one with the most to compute. */
const loss = 'mixture';

/** What share of this head's training steps the losses take: fused, and in plain TensorFlow.js. */
export function timeLosses(settings: Settings): Shares {
  const { train } = splitDigits();
  const few = { ...settings, scenes: { ...settings.scenes, train: scenes } };
  const { examples } = trainingExamples(train, few, seed, 0);
  const next = batchesOf(examples, settings.batch, seed);
  const batches = Array.from({ length: steps }, next);
  const start = () => {
    const head = new Head(seed);
    return {
      predict: (step: number) => outputsOf(head, batches[step]!),
      variables: head.variables,
      optimizer: tf.train.adam(settings.learningRate),
    };
  };
  const { fused, plain } = sharesOf(
    start,
    {
      fused: (outputs: Outputs, step: number) => lossesOf(outputs, batches[step]!, loss).total,
      plain: (outputs: Outputs, step: number) =>
        plainLoss(tf, { ...outputs, ...targetsOf(batches[step]!) }, optionsOf(loss)).total,
    },
    steps,
  );
  const times = ({ stepMs, lossMs }: Share) => ({ stepMs, lossMs });
  return { fused: times(fused), plain: times(plain) };
}
