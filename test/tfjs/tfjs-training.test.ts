import { roiLosses } from 'roi-loss/tfjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plainLoss } from '../../bench/peers/tfjs-losses';
import { sharesOf } from '../../examples/noisy-masks/share';
import { classes, predict, roisOf, weightsOf } from '../support/digits-head';
import { backends, losses, onBackends, tf } from '../support/tfjs';

// Training on real digits: the losses fall, as those of plain TensorFlow.js do, and no tensor is left behind.

const test = suite('tfjs training');

const options = { mask: { kind: { dice: 0.5, 'smoothed-bce': 0.5 } }, box: { beta: 0.1 } } as const;

onBackends(test, 'fused and plain training give the same curve, which falls', () => {
  const { images, targets } = roisOf(2);
  const start = () => {
    const weights = weightsOf(1);
    const variables = Object.values(weights);
    return { predict: () => predict(weights, images), variables, optimizer: tf.train.adam(0.01) };
  };
  type Outputs = ReturnType<typeof predict>;
  const { fused, plain } = sharesOf(
    start,
    {
      fused: (outputs: Outputs) => losses.fusedLoss({ ...outputs, ...targets }, options).total,
      plain: (outputs: Outputs) => plainLoss(tf, { ...outputs, ...targets }, options).total,
    },
    50,
  );
  for (const [i, loss] of fused.curve.entries())
    assert.ok(Math.abs(loss - plain.curve[i]!) <= 1e-4, `step ${i}: ${loss}; expected ${plain.curve[i]}`);
  const [first, last] = [fused.curve[0]!, fused.curve.at(-1)!];
  assert.ok(last < first / 2, `from ${first} to ${last}`);
  for (const { stepMs, lossMs } of [fused, plain]) assert.ok(lossMs > 0 && lossMs < stepMs);
});

test('a loss of model.fit', async () => {
  await tf.setBackend('cpu');
  const { images, targets } = roisOf(4);
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: classes, inputShape: [images.shape[1]] })],
  });
  // Layers hand over the targets as floats, in the shape of the output.
  const loss = (oneHot: tf.Tensor, logits: tf.Tensor) => losses.fusedClassLoss(logits, tf.argMax(oneHot, -1));
  model.compile({ optimizer: tf.train.adam(0.01), loss });
  const oneHot = tf.oneHot(targets.labels, classes);
  const { history } = await model.fit(images, oneHot, {
    epochs: 20,
    batchSize: 16,
    shuffle: false,
    verbose: 0,
  });
  const curve = history.loss as number[];
  assert.ok(curve.at(-1)! < curve[0]! / 2, `from ${curve[0]} to ${curve.at(-1)}`);
});

for (const backend of backends)
  test(`1,000 steps leave no tensor and no byte behind, ${backend}`, async () => {
    await tf.setBackend(backend);
    const { images, targets } = roisOf(1);
    const weights = weightsOf(1);
    const optimizer = tf.train.sgd(0.01);
    const differentiate = tf.grad((z) =>
      losses.fusedClassLoss(z, targets.labels, { reduction: 'none' }).sum(),
    );
    const run = (steps: number) => {
      // Not in a tf.tidy: what an operation makes besides its result is its own to dispose of.
      for (let i = 0; i < steps; i++) {
        optimizer.minimize(
          () => losses.fusedLoss({ ...predict(weights, images), ...targets }, options).total,
        );
        const outputs = predict(weights, images);
        tf.dispose([
          losses.fusedLoss({ ...outputs, ...targets }, options),
          differentiate(outputs.classLogits),
          outputs,
        ]);
      }
      const { numTensors, numDataBuffers, numBytes } = tf.memory();
      return { numTensors, numDataBuffers, numBytes };
    };
    const before = run(1);
    assert.equal(run(1000), before);
  });

test('no gradient is computed where none is recorded', async () => {
  await tf.setBackend('cpu');
  const { images, targets } = roisOf(1);
  let made = 0;
  const tensor: typeof tf.tensor = (...args) => {
    made++;
    return tf.tensor(...args);
  };
  const counting = roiLosses({ ...tf, tensor });
  const count = (run: () => unknown) => {
    made = 0;
    run();
    return made;
  };
  const outputs = predict(weightsOf(1), images);
  const total = (grad?: boolean) => counting.fusedLoss({ ...outputs, ...targets }, { grad }).total;
  const record = (f: (z: tf.Tensor) => tf.Tensor) => tf.grad(f)(outputs.classLogits);
  // The losses; and three gradients with them.
  assert.is(
    count(() => total()),
    1,
  );
  assert.is(
    count(() => record((z) => tf.add(z.sum(), total()))),
    4,
  );
  const unused = (z: tf.Tensor) => {
    total(false);
    return z.sum();
  };
  assert.is(
    count(() => record(unused)),
    1,
  );
});

test.run();
