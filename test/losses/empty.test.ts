import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice } from '../support/device';
import { losses as operations, tf } from '../support/tfjs';

// An image without proposals must not end a training: R = 0, with every shape that nothing tells.

const none = new Float32Array(0);
const labels = new Int32Array(0);
const classWeights = Float32Array.of(1, 2, 3);

const test = suite('no RoI');

for (const scores of ['classLogits', 'classProbs'] as const)
  for (const options of [{}, { classWeights }, { reduction: 'none' }, { metrics: true }] as const)
    test(`${scores} without classes, ${Object.keys(options)}`, () => {
      const { loss, grad } = fusedClassLoss({ [scores]: none, labels }, options);
      assert.is(loss, 0);
      assert.equal(grad, none);
      const whole = fusedLoss({ [scores]: none, labels }, { class: options });
      assert.is(whole.losses.total, 0);
      assert.equal(whole.grads, { [scores]: none });
    });

for (const layout of ['nchw', 'nhwc'] as const)
  for (const maskGrad of ['dense', 'compact'] as const)
    test(`all terms without classes, ${layout}, ${maskGrad}`, () => {
      const inputs = {
        ...{ classLogits: none, boxDeltas: none, boxTargets: none, maskLogits: none, maskTargets: none },
        labels,
      };
      for (const options of [
        {},
        { class: { classWeights } },
        { classes: 3 },
        { reduction: 'none' },
      ] as const) {
        const { losses, grads } = fusedLoss(inputs, { ...options, layout, maskGrad });
        assert.equal(losses, { total: 0, class: 0, box: 0, mask: 0 });
        assert.equal(grads, { classLogits: none, boxDeltas: none, maskLogits: none });
      }
    });

test('boxes and masks alone', () => {
  const boxes = fusedBoxLoss({ boxDeltas: none, boxTargets: none, labels }, { classes: 3 });
  assert.equal(boxes, { loss: 0, grad: none });
  const masks = fusedMaskLoss({ maskLogits: none, maskTargets: none, maskLabels: labels }, { classes: 3 });
  assert.equal(masks, { loss: 0, grad: none });
});

/** Two masks of 2×2 pixels, of the classes 1 and 2, without RoIs beside them. */
const masksOf = (channels: number) => ({
  maskLogits: Float32Array.from({ length: 2 * channels * 4 }, (_, i) => (i % 7) - 3),
  maskTargets: Float32Array.of(0, 1, 1, 0, 1, 1, 0, 0),
  maskLabels: Int32Array.of(1, 2),
});

for (const [what, channels, classes] of [
  ['all classes', 4, 4],
  ['the foreground', 2, 3],
  ['one for all', 1, 9],
] as const)
  test(`masks without other RoIs, channels: ${what}`, () => {
    const masks = masksOf(channels);
    const maskSize = [2, 2] as const;
    const expected = fusedMaskLoss(masks, { classes, maskSize });
    const actual = fusedLoss({ classLogits: none, labels, ...masks }, { maskSize });
    assert.equal(actual.losses, { total: expected.loss, class: 0, box: 0, mask: expected.loss });
    assert.equal(actual.grads.maskLogits, expected.grad);
  });

for (const [what, channels] of [
  ['all classes', 3],
  ['the foreground', 2],
  ['one for all', 1],
] as const)
  test(`a batch, by its sizes and over tensors, channels: ${what}`, async () => {
    using device = openTestDevice();
    const tensor = (shape: number[]) => device.tensor(none, shape);
    const batches = [
      device.batch({ rois: 0, classes: 3, boxChannels: channels, maskChannels: channels, maskSize: [2, 2] }),
      device.batch({
        ...{ classLogits: tensor([0, 3]), labels: device.tensor(labels, [0]) },
        ...{ boxDeltas: tensor([0, channels, 4]), boxTargets: tensor([0, 4]) },
        ...{ maskLogits: tensor([0, channels, 2, 2]), maskTargets: tensor([0, 2, 2]) },
      }),
    ];
    for (const batch of batches) {
      const step = fusedLoss(batch, { reduction: 'none', class: { classWeights } });
      assert.equal(await step.losses(), { total: 0, class: 0, box: 0, mask: 0 });
      const graph = batch.capture(() => fusedLoss(batch));
      assert.is((await graph.launch().losses()).total, 0);
      assert.equal(await batch.grads.maskLogits.read(), none);
    }
  });

for (const [what, channels] of [
  ['all classes', 3],
  ['the foreground', 2],
  ['one for all', 1],
] as const)
  for (const backend of ['cpu', 'wasm'])
    test(`TensorFlow.js, ${backend}, channels: ${what}`, async () => {
      await tf.setBackend(backend);
      tf.tidy(() => {
        const noLabels = tf.zeros([0], 'int32');
        const targets = { boxTargets: tf.zeros([0, 4]), maskTargets: tf.zeros([0, 2, 2]), labels: noLabels };
        // Not by tf.sum, which makes up a number for no elements on the wasm backend.
        const value = (loss: tf.Tensor) => [...loss.dataSync()].reduce((sum, x) => sum + x, 0);
        for (const reduction of ['mean', 'none'] as const) {
          const options = { reduction, classes: 3 };
          const ofBoxes = (deltas: tf.Tensor) =>
            operations.fusedBoxLoss(deltas, targets.boxTargets, noLabels, options);
          const ofMasks = (logits: tf.Tensor) =>
            operations.fusedMaskLoss(logits, targets.maskTargets, noLabels, options);
          const [scores, deltas, masks] = [
            tf.zeros([0, 3]),
            tf.zeros([0, channels, 4]),
            tf.zeros([0, 2, 2, channels]),
          ];
          for (const own of [{ classWeights }, {}])
            assert.is(value(operations.fusedClassLoss(scores, noLabels, { ...own, reduction })), 0);
          assert.is(value(ofBoxes(deltas)), 0);
          assert.is(value(ofBoxes(tf.zeros([0, channels * 4]))), 0);
          assert.is(value(ofMasks(masks)), 0);
          const total = (classLogits: tf.Tensor, boxDeltas: tf.Tensor, maskLogits: tf.Tensor) =>
            operations.fusedLoss({ classLogits, boxDeltas, maskLogits, ...targets }, { reduction }).total;
          const grads = tf.grads(total)([scores, deltas, masks]);
          assert.equal(
            grads.map(({ shape }) => shape),
            [scores, deltas, masks].map(({ shape }) => shape),
          );
        }
      });
    });

test.run();
