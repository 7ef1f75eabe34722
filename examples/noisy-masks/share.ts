import * as tf from '@tensorflow/tfjs';
import { summarize } from '../../bench/statistics';

// The share of a training step that its losses take.

const median = (values: readonly number[]) => summarize(values).median;

type Outputs = { readonly [name: string]: tf.Tensor };

/** A head in training. */
export interface Trainee<O extends Outputs> {
  /** The head's outputs for the RoIs of a step. */
  readonly predict: (step: number) => O;
  readonly variables: tf.Variable[];
  readonly optimizer: tf.Optimizer;
}

/** The loss of a head's outputs for the RoIs of a step. */
export type LossOf<O extends Outputs> = (outputs: O, step: number) => tf.Scalar;

export interface Share {
  /** Milliseconds of a step: forward, backward and the update of the weights. Median. */
  readonly stepMs: number;
  /** Of these in the losses and their gradients by the head's outputs. Median. */
  readonly lossMs: number;
  /** The loss of each step. */
  readonly curve: readonly number[];
}

/**
 * Where head and losses meet: passes tensors on, and calls `onGradient` when gradients come back. The tape is gone
 * through backwards, so at the first call the losses are done and the head has not begun.
 */
function probe<O extends Outputs>(outputs: O, onGradient: () => void): O {
  const pass = tf.customGrad((x) => ({
    value: (x as tf.Tensor).clone(),
    gradFunc: (dy: tf.Tensor) => {
      onGradient();
      return dy.clone();
    },
  }));
  return Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, pass(x)])) as unknown as O;
}

/** One step of training. With the backends cpu and wasm an operation is done when its call returns. */
function timeStep<O extends Outputs>(trainee: Trainee<O>, lossOf: LossOf<O>, step: number) {
  const { predict, variables, optimizer } = trainee;
  let [lossBegin, lossEnd] = [Number.NaN, Number.NaN];
  const begin = performance.now();
  const loss = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => {
      const outputs = probe(predict(step), () => {
        if (Number.isNaN(lossEnd)) lossEnd = performance.now();
      });
      lossBegin = performance.now();
      return lossOf(outputs, step);
    }, variables);
    optimizer.applyGradients(grads);
    return value.dataSync()[0]!;
  });
  return { loss, stepMs: performance.now() - begin, lossMs: lossEnd - lossBegin };
}

/**
 * Trains a head with each of several ways to compute the loss, and tells what share of a step each takes. They take
 * turns, so that a machine that slows down slows all of them; medians leave out the first tenth of the steps, in which
 * code gets warm. Curves of the same formulas part slowly, as rounding grows with the steps.
 * @param start starts a training: always from the same weights, if curves are to be compared
 */
export function sharesOf<O extends Outputs, Name extends string>(
  start: () => Trainee<O>,
  losses: { readonly [N in Name]: LossOf<O> },
  steps: number,
): { readonly [N in Name]: Share } {
  const runs = Object.entries<LossOf<O>>(losses).map(([name, lossOf]) => ({
    name,
    lossOf,
    trainee: start(),
    times: [] as ReturnType<typeof timeStep>[],
  }));
  for (let step = 0; step < steps; step++)
    for (const { trainee, lossOf, times } of runs) times.push(timeStep(trainee, lossOf, step));
  const shares = runs.map(({ name, trainee, times }) => {
    trainee.optimizer.dispose();
    tf.dispose(trainee.variables);
    const warm = times.slice(Math.floor(steps / 10));
    const share: Share = {
      stepMs: median(warm.map(({ stepMs }) => stepMs)),
      lossMs: median(warm.map(({ lossMs }) => lossMs)),
      curve: times.map(({ loss }) => loss),
    };
    return [name, share] as const;
  });
  return Object.fromEntries(shares) as { [N in Name]: Share };
}
