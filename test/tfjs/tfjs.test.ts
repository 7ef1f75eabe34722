import type { Reduction } from 'roi-loss';
import { type FusedOptions, roiLosses } from 'roi-loss/tfjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plainLoss } from '../../bench/peers/tfjs-losses';
import { floats, random, type Sizes } from '../../lib/reference/random';
import { assertClose, assertLoss } from '../support/close';
import { openTestDevice } from '../support/device';
import { onBackends, plainTolerance, type Tensors, tensorsOf, tf } from '../support/tfjs';

// The operations of TensorFlow.js against plain formulas of TensorFlow.js and their automatic gradients.

const test = suite('tfjs');
const losses = roiLosses(tf, { device: openTestDevice() });

const sizes: Sizes = { rois: 9, classes: 4, maskSize: [7, 5] };
const kinds = ['bce', 'dice', 'smoothed-bce', { bce: 0.2, dice: 0.5, 'smoothed-bce': 0.3 }] as const;

type Whole = (inputs: Tensors, options: FusedOptions) => ReturnType<typeof losses.fusedLoss<Tensors>>;
type Losses = ReturnType<Whole>;

const total = ({ total }: Losses) => total;

/** Value and gradients of what is made of the losses, by all that has gradients. */
function differentiate(
  whole: Whole,
  inputs: Tensors,
  options: FusedOptions,
  make: (losses: Losses) => tf.Scalar,
) {
  const { classLogits, boxDeltas, maskLogits, ...rest } = inputs;
  const { value, grads } = tf.valueAndGrads((classLogits, boxDeltas, maskLogits) =>
    make(whole({ ...rest, classLogits, boxDeltas, maskLogits } as Tensors, options)),
  )([classLogits, boxDeltas, maskLogits]);
  const [ofClass, ofBox, ofMask] = grads;
  return { value: value.dataSync()[0]!, grads: { ofClass, ofBox, ofMask } };
}

function compare(inputs: Tensors, options: FusedOptions, make = total): void {
  const fused = differentiate(losses.fusedLoss, inputs, options, make);
  const plain = differentiate((...args) => plainLoss(tf, ...args), inputs, options, make);
  assertLoss(fused.value, plain.value, 'value', plainTolerance);
  for (const name of ['ofClass', 'ofBox', 'ofMask'] as const) {
    const [actual, expected] = [fused.grads[name]!, plain.grads[name]!];
    assert.equal(actual.shape, expected.shape, name);
    assertClose(actual.dataSync(), expected.dataSync(), name, plainTolerance);
  }
}

for (const kind of kinds)
  for (const reduction of ['mean', 'sum', 'none'] as const)
    onBackends(test, `${JSON.stringify(kind)}, ${reduction}`, () =>
      compare(tensorsOf(1, sizes), { reduction, mask: { kind } }),
    );

for (const [boxChannels, maskChannels] of [
  [4, 3],
  [3, 4],
  [1, 1],
] as const)
  for (const layout of ['nhwc', 'nchw'] as const)
    onBackends(test, `${boxChannels} box and ${maskChannels} mask channels of 4 classes, ${layout}`, () =>
      compare(tensorsOf(2, { ...sizes, boxChannels, maskChannels }, layout), { layout }),
    );

for (const options of [
  { class: { labelSmoothing: 0.2, weight: 3 }, box: { beta: 1 / 9 }, mask: { kind: 'dice', eps: 1 } },
  { class: { classWeights: Float32Array.of(0.5, 2, 0, 1) }, box: { beta: 0 }, normalizer: 17 },
  { weight: 0.3, mask: { kind: 'smoothed-bce', smoothing: 0.3 }, class: { reduction: 'sum' } },
] satisfies FusedOptions[])
  onBackends(test, `options ${JSON.stringify(options)}`, () => compare(tensorsOf(3, sizes), options));

onBackends(test, 'upstream gradients through the total and every term', () =>
  compare(
    tensorsOf(4, sizes),
    {},
    (l) =>
      tf.addN([
        tf.mul(l.total, 3),
        tf.square(l.class),
        tf.mul(l.box, -2),
        tf.mul(l.mask, l.class),
      ]) as tf.Scalar,
  ),
);

onBackends(test, 'a term that counts for nothing has a gradient of 0', () =>
  compare(tensorsOf(4, sizes), {}, (l) => tf.add(l.mask, tf.mul(l.total, 0))),
);

onBackends(test, 'upstream gradients that differ by RoI', () => {
  const weights = tf.tensor1d(floats(random(5), sizes.rois));
  compare(
    tensorsOf(5, sizes),
    { reduction: 'none', box: { reduction: 'mean' } },
    (l) =>
      tf.addN([l.total, tf.dot(l.class, weights), l.box, tf.dot(tf.square(l.mask), weights)]) as tf.Scalar,
  );
});

/** The terms alone, as operations of their own. */
function ofTerms(inputs: Tensors, options: FusedOptions, reduction: Reduction): Losses {
  const { classLogits, boxDeltas, maskLogits, boxTargets, maskTargets, labels } = inputs;
  const flat = tf.reshape(boxDeltas, [sizes.rois, -1]);
  const rest = { reduction, classes: sizes.classes };
  const terms = {
    class: losses.fusedClassLoss(classLogits, labels, { ...options.class, reduction }),
    box: losses.fusedBoxLoss(flat, boxTargets, labels, { ...options.box, ...rest }),
    mask: losses.fusedMaskLoss(maskLogits, maskTargets, labels, { ...options.mask, ...rest }),
  };
  return { total: tf.addN(Object.values(terms).map((term) => tf.sum(term))) as tf.Scalar, ...terms };
}

for (const reduction of ['mean', 'sum', 'none'] as const)
  onBackends(test, `the terms alone, ${reduction}, boxes flat`, () => {
    const inputs = tensorsOf(6, sizes);
    const options: FusedOptions = {
      box: { beta: 0.5 },
      mask: { kind: 'dice' },
      class: { labelSmoothing: 0.1 },
    };
    const make = (l: Losses) =>
      tf.addN([l.class, l.box, l.mask].map((term) => tf.sum(tf.square(term)))) as tf.Scalar;
    const alone = differentiate((...args) => ofTerms(...args, reduction), inputs, options, make);
    const whole = differentiate(losses.fusedLoss, inputs, { ...options, reduction }, make);
    assertLoss(alone.value, whole.value);
    for (const name of ['ofClass', 'ofBox', 'ofMask'] as const)
      assertClose(alone.grads[name]!.dataSync(), whole.grads[name]!.dataSync(), name);
    const { total: _, ...terms } = ofTerms(inputs, options, reduction);
    for (const term of Object.values(terms))
      assert.equal(term.shape, reduction === 'none' ? [sizes.rois] : []);
  });

for (const reduction of ['mean', 'none'] as const)
  onBackends(test, `the terms alone, ${reduction}, of an object as of one tensor after another`, () => {
    const { classLogits, boxDeltas, maskLogits, boxTargets, maskTargets, labels } = tensorsOf(6, sizes);
    const options = { reduction, classes: sizes.classes };
    const same = (f: (z: tf.Tensor) => tf.Tensor, g: (z: tf.Tensor) => tf.Tensor, by: tf.Tensor) => {
      assert.equal(f(by).dataSync(), g(by).dataSync());
      assert.equal(tf.grad(f)(by).dataSync(), tf.grad(g)(by).dataSync());
    };
    same(
      (z) => losses.fusedClassLoss({ classLogits: z, labels }, { reduction }),
      (z) => losses.fusedClassLoss(z, labels, { reduction }),
      classLogits,
    );
    same(
      (z) => losses.fusedBoxLoss({ boxDeltas: z, boxTargets, labels }, options),
      (z) => losses.fusedBoxLoss(z, boxTargets, labels, options),
      boxDeltas,
    );
    same(
      (z) => losses.fusedMaskLoss({ maskLogits: z, maskTargets, maskLabels: labels }, options),
      (z) => losses.fusedMaskLoss(z, maskTargets, labels, options),
      maskLogits,
    );
    same(
      (z) => losses.fusedClassLoss({ classProbs: z, labels }, { reduction }),
      (z) =>
        tf.reshape(
          losses.fusedLoss({ classProbs: z, labels }, { reduction }).class,
          reduction === 'none' ? [-1] : [],
        ),
      tf.softmax(classLogits),
    );
  });

onBackends(test, 'masks of bool and int32 are those of float32', () => {
  const { maskLogits, maskTargets, labels } = tensorsOf(7, sizes);
  const hard = tf.round(maskTargets);
  const loss = (targets: tf.Tensor) =>
    losses.fusedMaskLoss(maskLogits, targets, labels, { classes: 4 }).dataSync()[0];
  assert.is(loss(tf.cast(hard, 'bool')), loss(hard));
  assert.is(loss(tf.cast(hard, 'int32')), loss(hard));
  assert.is(loss(tf.mul(tf.cast(hard, 'int32'), tf.scalar(256, 'int32'))), loss(hard));
});

onBackends(test, 'masks of some RoIs, with labels of their own', () => {
  const { labels, ...inputs } = tensorsOf(8, sizes);
  const { maskLogits, maskTargets, labels: maskLabels } = tensorsOf(9, { ...sizes, rois: 5 });
  compare({ ...inputs, labels, maskLogits, maskTargets, maskLabels } as Tensors, { reduction: 'none' });
});

onBackends(test, 'class probabilities', () => {
  const { classLogits, labels } = tensorsOf(10, sizes);
  const fused = tf.grad((z) => losses.fusedLoss({ classProbs: tf.softmax(z), labels }).total)(classLogits);
  const expected = tf.grad((z) => losses.fusedClassLoss(z, labels))(classLogits);
  assertClose(fused.dataSync(), expected.dataSync(), 'grad', plainTolerance);
});

onBackends(test, 'no RoI, and none that counts: 0 with gradients of 0', () => {
  for (const reduction of ['mean', 'none'] as const)
    for (const inputs of [
      tensorsOf(11, { ...sizes, rois: 0 }),
      { ...tensorsOf(11, sizes), labels: tf.fill([sizes.rois], -1, 'int32') },
    ]) {
      const { value, grads } = differentiate(losses.fusedLoss, inputs as Tensors, { reduction }, total);
      assert.is(value, 0);
      for (const grad of Object.values(grads)) assert.ok(grad!.dataSync().every((g) => g === 0));
    }
});

onBackends(test, 'terms that are left out are not there', () => {
  const { classLogits, labels } = tensorsOf(12, sizes);
  const all = losses.fusedLoss({ classLogits, labels, maskLogits: undefined });
  assert.equal(Object.keys(all), ['total', 'class']);
  assert.is(all.total.dataSync()[0], all.class.dataSync()[0]);
});

test.run();
