import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type { Losses } from 'roi-loss';
import { seeded } from '../../digits/random';
import { type Examples, positions, take } from '../data/dataset';
import type { LossName, Run, Settings } from '../settings';
import { Head } from './head';
import { lossesOf, outputsOf } from './loss';

/** Losses against the iteration; those of training are means since the point before. */
export interface Point {
  readonly iteration: number;
  readonly train: Losses;
  readonly validation: Losses;
}

/** Adam (Kingma and Ba, 2015), whose learning rate may change. */
class Adam extends tf.AdamOptimizer {
  set rate(rate: number) {
    this.learningRate = rate;
  }
}

/** The default of TensorFlow.js: decay of the mean and of the mean square. */
const decays = [0.9, 0.999] as const;

const warmUp = 20;

/** A cosine from 1 to 0 (Loshchilov and Hutter, 2017) after a linear warm-up (Goyal et al., 2017). */
function scheduleAt(step: number, steps: number): number {
  const cosine = (1 + Math.cos((Math.PI * (step - 1)) / steps)) / 2;
  return Math.min(1, step / warmUp) * cosine;
}

function mean(losses: readonly Losses[]): Losses {
  const of = (term: keyof Losses) => losses.reduce((sum, each) => sum + each[term], 0) / losses.length;
  return { total: of('total'), class: of('class'), box: of('box'), mask: of('mask') };
}

/** The numbers of the losses. */
function read(losses: ReturnType<typeof lossesOf>): Losses {
  const of = (term: keyof Losses) => losses[term].dataSync()[0]!;
  return { total: of('total'), class: of('class'), box: of('box'), mask: of('mask') };
}

function validate(head: Head, examples: Examples, loss: LossName): Losses {
  let losses: Losses | undefined;
  tf.tidy(() => {
    losses = read(lossesOf(outputsOf(head, examples), examples, loss));
  });
  return losses!;
}

/** The RoIs of one step after another: half foreground, half background, each in an order of its own. */
export function batchesOf(examples: Examples, size: number, seed: number): () => Examples {
  const random = seeded(seed + 3000);
  const shown = positions(examples.foreground, random);
  const background = positions(examples.count - examples.foreground, random);
  return () =>
    take(
      examples,
      Array.from({ length: size }, (_, i) =>
        i < size / 2 ? shown.next().value : examples.foreground + background.next().value,
      ),
    );
}

/** Trains a head; the same arguments give the same bits. Between steps others have their turn. */
export async function train(
  examples: Examples,
  validation: Examples,
  { loss, seed }: Run,
  { steps, batch, learningRate, points: pointCount }: Settings,
  onStep: (step: number, loss: number) => void,
): Promise<{ readonly head: Head; readonly points: Point[] }> {
  const interval = Math.ceil(steps / pointCount);
  const head = new Head(seed);
  const optimizer = new Adam(learningRate, ...decays);
  const next = batchesOf(examples, batch, seed);
  const points: Point[] = [];
  let since: Losses[] = [];
  for (let step = 1; step <= steps; step++) {
    optimizer.rate = learningRate * scheduleAt(step, steps);
    tf.tidy(() => {
      const rois = next();
      const { grads } = tf.variableGrads(() => {
        const losses = lossesOf(outputsOf(head, rois), rois, loss);
        since.push(read(losses));
        return losses.total;
      }, head.variables);
      optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({ name, tensor })));
    });
    onStep(step, since.at(-1)!.total);
    await setImmediate();
    if (step % interval === 0 || step === steps) {
      points.push({ iteration: step, train: mean(since), validation: validate(head, validation, loss) });
      since = [];
    }
  }
  optimizer.dispose();
  return { head, points };
}
