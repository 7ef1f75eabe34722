import * as tf from '@tensorflow/tfjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { splitDigits, trainingExamples, validationExamples } from '../../examples/noisy-masks/data/dataset';
import { convolve, dense, upsample } from '../../examples/noisy-masks/head/layers';
import { train } from '../../examples/noisy-masks/head/train';
import { startBackend } from '../../examples/noisy-masks/run';
import { quick } from '../../examples/noisy-masks/settings';

const test = suite('head of the experiment');

test.before(startBackend);

type Values = readonly (readonly number[] | Float32Array)[];

/** The values of tensors made on one backend, read out. */
async function onBackend(name: 'cpu' | 'wasm', run: () => tf.Tensor[]): Promise<Values> {
  await tf.setBackend(name);
  return tf.tidy(() => run().map((tensor) => Float32Array.from(tensor.dataSync())));
}

function assertClose(actual: Values, expected: Values): void {
  assert.is(actual.length, expected.length);
  expected.forEach((values, i) => {
    assert.is(actual[i]!.length, values.length);
    const scale = Math.max(...values.map(Math.abs));
    values.forEach((value, j) => {
      const error = Math.abs(actual[i]![j]! - value);
      assert.ok(error <= 1e-5 * scale, `${i}, ${j}: ${actual[i]![j]}, expected ${value}`);
    });
  });
}

const random = (shape: number[], seed: number) => tf.randomUniform(shape, -1, 1, 'float32', seed);

for (const [n, size, inputs, outputs, k] of [
  [3, 7, 4, 5, 3],
  [2, 28, 1, 16, 3],
  [2, 5, 3, 2, 1],
  [1, 6, 2, 3, 5],
] as const)
  test(`a convolution ${k}×${k} of ${inputs} to ${outputs} channels is that of TensorFlow.js on its CPU backend`, async () => {
    const gradients = (conv: (x: tf.Tensor4D, w: tf.Tensor4D) => tf.Tensor) => {
      const x = random([n, size, size, inputs], 1) as tf.Tensor4D;
      const w = random([k, k, inputs, outputs], 2) as tf.Tensor4D;
      const upstream = random([n, size, size, outputs], 3);
      const grads = tf.grads((x, w) => conv(x as tf.Tensor4D, w as tf.Tensor4D))([x, w], upstream);
      return [conv(x, w), ...grads];
    };
    const expected = await onBackend('cpu', () => gradients((x, w) => tf.conv2d(x, w, 1, 'same')));
    assertClose(await onBackend('wasm', () => gradients(convolve)), expected);
  });

test('a product with its gradients', async () => {
  const gradients = (product: (x: tf.Tensor2D, w: tf.Tensor2D) => tf.Tensor) => {
    const [x, w] = [random([5, 7], 1) as tf.Tensor2D, random([7, 3], 2) as tf.Tensor2D];
    const grads = tf.grads((x, w) => product(x as tf.Tensor2D, w as tf.Tensor2D))([x, w], random([5, 3], 3));
    return [product(x, w), ...grads];
  };
  const expected = await onBackend('cpu', () => gradients((x, w) => tf.matMul(x, w)));
  assertClose(await onBackend('wasm', () => gradients(dense)), expected);
});

test('upsampling is a transposed convolution', async () => {
  const expected = await onBackend('cpu', () => {
    const x = random([2, 3, 3, 4], 1) as tf.Tensor4D;
    // [4, (2, 2, 5)] to [2, 2, 5, 4].
    const w = random([4, 20], 2).reshape([4, 2, 2, 5]).transpose([1, 2, 3, 0]) as tf.Tensor4D;
    return [tf.conv2dTranspose(x, w, [2, 6, 6, 5], 2, 'same')];
  });
  const actual = await onBackend('wasm', () => [
    upsample(random([2, 3, 3, 4], 1) as tf.Tensor4D, random([4, 20], 2) as tf.Tensor2D),
  ]);
  assertClose(actual, expected);
});

const settings = {
  ...quick,
  steps: 12,
  points: 2,
  batch: 32,
  scenes: { train: 6, validation: 1, test: 1 },
};

test('training learns, is the same every time and leaks no tensor', async () => {
  await tf.setBackend('wasm');
  const digits = splitDigits();
  const { examples } = trainingExamples(digits.train, settings, 1, 0.5);
  const validation = validationExamples(digits.validation, settings);
  const before = tf.memory().numTensors;
  const once = async () => {
    const { head, points } = await train(
      examples,
      validation,
      { loss: 'mixture', seed: 1, noise: 0.5 },
      settings,
      () => {},
    );
    head.dispose();
    return points;
  };
  const points = await once();
  assert.ok(points[1]!.train.total < points[0]!.train.total);
  assert.equal(await once(), points);
  assert.is(tf.memory().numTensors, before);
});

test.run();
