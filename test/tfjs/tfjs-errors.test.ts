import { openDevice } from 'roi-loss';
import { type FusedInputs, type FusedOptions, roiLosses } from 'roi-loss/tfjs';
import { losses, type Tensors, tensorsOf, tf } from '../support/tfjs';
import { check } from '../support/throws';

// The cpu backend is there from the start: nothing to wait for.
tf.setBackend('cpu');
const good = tensorsOf(1, { rois: 4, classes: 3, maskSize: [4, 5] });
const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels } = good;
const classes = 3;
const disposed = tf.zeros([4, 3]);
disposed.dispose();
const ints = (...values: number[]) => tf.tensor1d(values, 'int32');

/** A call of the whole loss with some inputs replaced; types are no help against what JavaScript passes. */
const inputs = (replaced: { readonly [K in keyof FusedInputs]: unknown }) => () =>
  losses.fusedLoss({ ...good, ...replaced } as Tensors);
const options = (given: object) => () => losses.fusedLoss(good, given as FusedOptions);

check('tfjs: errors of tensors', [
  [
    'no tensor',
    'TYPE',
    TypeError,
    ['classLogits', 'Float32Array', 'tf.Tensor'],
    inputs({ classLogits: new Float32Array(12) }),
  ],
  [
    'an argument left out',
    'TYPE',
    TypeError,
    ['labels', 'undefined'],
    () => losses.fusedClassLoss(classLogits, undefined as never),
  ],
  ['a missing input', 'TYPE', TypeError, ['boxTargets'], inputs({ boxTargets: undefined })],
  ['no labels', 'TYPE', TypeError, ['labels'], inputs({ labels: undefined })],
  ['no inputs', 'TYPE', TypeError, ['inputs', 'undefined'], () => losses.fusedLoss(undefined as never)],
  ['inputs of no term', 'TYPE', TypeError, ['inputs'], () => losses.fusedLoss({ labels })],
  [
    'a misspelled input',
    'OPTION',
    TypeError,
    ["'maskLogit'"],
    () => losses.fusedLoss({ maskLogit: maskLogits } as never),
  ],
  ['a disposed tensor', 'DISPOSED', Error, ['classLogits'], inputs({ classLogits: disposed })],
  [
    'logits that are no floats',
    'DTYPE',
    TypeError,
    ['classLogits', 'int32', 'float32'],
    inputs({ classLogits: classLogits.toInt() }),
  ],
  [
    'labels that are floats',
    'DTYPE',
    TypeError,
    ['labels', 'float32', 'int32'],
    inputs({ labels: tf.tensor1d([1, 2, 0, 1]) }),
  ],
  [
    'targets that are strings',
    'DTYPE',
    TypeError,
    ['maskTargets', 'string'],
    inputs({ maskTargets: tf.fill([4, 4, 5], 'x' as never) }),
  ],
  [
    'a wrong rank',
    'SHAPE',
    RangeError,
    ['maskTargets', '[4, 20]', '[P, H, W]'],
    inputs({ maskTargets: maskTargets.reshape([4, 20]) }),
  ],
  [
    'a label too few',
    'SHAPE',
    RangeError,
    ['classLogits', '= [3, 3]'],
    () => losses.fusedClassLoss(classLogits, ints(0, 1, 2)),
  ],
  [
    'height and width exchanged',
    'SHAPE',
    RangeError,
    ['maskTargets', '[4, 5, 4]', '[4, 4, 5]'],
    inputs({ maskTargets: maskTargets.reshape([4, 5, 4]) }),
  ],
  [
    'RoIs and boxes exchanged',
    'SHAPE',
    RangeError,
    ['boxDeltas', '[3, 4, 4]', '[4, 3, 4]'],
    inputs({ boxDeltas: boxDeltas.reshape([3, 4, 4]) }),
  ],
  [
    'flat boxes of other RoIs',
    'SHAPE',
    RangeError,
    ['boxDeltas', '[2, 24]', '[4, 12]'],
    inputs({ boxDeltas: boxDeltas.reshape([2, 24]) }),
  ],
  [
    'channels in the wrong place',
    'SHAPE',
    RangeError,
    ['maskLogits', '[4, 4, 5, 3]', '[P, channels, H, W]', "give layout: 'nhwc'"],
    () => losses.fusedMaskLoss(maskLogits, maskTargets, labels, { classes, layout: 'nchw' }),
  ],
  [
    'channels first by default',
    'SHAPE',
    RangeError,
    ['[4, 3, 4, 5]', "the default layout: 'nhwc'", "give layout: 'nchw'"],
    inputs({ maskLogits: maskLogits.transpose([0, 3, 1, 2]) }),
  ],
  [
    'one-hot labels',
    'SHAPE',
    RangeError,
    ['labels', 'argMax'],
    inputs({ labels: tf.zeros([4, 3], 'int32') }),
  ],
  [
    'a misspelled input of a term',
    'OPTION',
    TypeError,
    ["'logits'"],
    () => losses.fusedClassLoss({ logits: classLogits, labels } as never),
  ],
  [
    'an input of another term',
    'OPTION',
    TypeError,
    ["'boxTargets'"],
    () => losses.fusedClassLoss({ classLogits, boxTargets, labels } as never),
  ],
  [
    'a missing input of a term',
    'TYPE',
    TypeError,
    ['maskTargets is missing'],
    () => losses.fusedMaskLoss({ maskLogits, labels }, { classes }),
  ],
  [
    'two class inputs',
    'OPTION',
    TypeError,
    ['classLogits', 'classProbs'],
    inputs({ classProbs: classLogits }),
  ],
  ['a label out of range', 'LABEL', RangeError, ['labels[1]', '3'], inputs({ labels: ints(0, 3, 1, 1) })],
]);

check('tfjs: errors of options', [
  [
    'no classes',
    'SHAPE',
    RangeError,
    ['classes', 'undefined'],
    () => losses.fusedBoxLoss(boxDeltas, boxTargets, labels, {}),
  ],
  [
    'no options where classes are needed',
    'SHAPE',
    RangeError,
    ['classes', '{ classes: 81 }'],
    () => losses.fusedMaskLoss(maskLogits, maskTargets, labels, undefined as never),
  ],
  [
    'an option of another kind',
    'OPTION',
    TypeError,
    ['mask.eps', "'dice'", "'bce'"],
    options({ mask: { eps: 0.1 } }),
  ],
  [
    'one class',
    'SHAPE',
    RangeError,
    ['classLogits', '4', 'counts background'],
    () => losses.fusedClassLoss(tf.zeros([4, 1]), labels),
  ],
  [
    'classes that the logits contradict',
    'SHAPE',
    RangeError,
    ['classLogits', '[4, 4]'],
    options({ classes: 4 }),
  ],
  ['an unknown option', 'OPTION', TypeError, ["'reducton'"], options({ reducton: 'sum' })],
  ['an unknown option of a term', 'OPTION', TypeError, ['mask', "'knd'"], options({ mask: { knd: 'dice' } })],
  ['an upstream gradient', 'OPTION', TypeError, ["'backward'"], options({ backward: 2 })],
  ['metrics of a term', 'OPTION', TypeError, ['class', "'metrics'"], options({ class: { metrics: true } })],
  [
    'no gradient of one term alone',
    'OPTION',
    TypeError,
    ['box', "'grad'"],
    options({ box: { grad: false } }),
  ],
  ['options that are none', 'TYPE', TypeError, ['mask', "'dice'"], options({ mask: 'dice' })],
  ['a wrong value', 'OPTION', RangeError, ['mask.kind', "'dyce'"], options({ mask: { kind: 'dyce' } })],
  [
    'a wrong value of a term alone',
    'OPTION',
    RangeError,
    ['reduction', "'mode'"],
    () => losses.fusedClassLoss(classLogits, labels, { reduction: 'mode' as never }),
  ],
  ['a gradient that is no boolean', 'OPTION', TypeError, ['grad', '0'], options({ grad: 0 })],
  ['a layout that there is not', 'OPTION', RangeError, ['layout', "'chwn'"], options({ layout: 'chwn' })],
]);

/** Differentiates by class logits. */
const differentiate = (f: (z: tf.Tensor) => tf.Tensor) => () => tf.grad(f)(classLogits);
const lossOf = (z: tf.Tensor, grad?: boolean) => losses.fusedClassLoss(z, labels, { grad });
const closed = openDevice('cpu');
closed.dispose();

const maskTargetsWith = (value: number) => {
  const numbers = maskTargets.dataSync().slice();
  numbers[20 + 6] = value;
  return tf.tensor3d(numbers, maskTargets.shape as [number, number, number]);
};
const foreground = ints(1, 2, 1, 2);
const withTargets = (value: number) => inputs({ maskTargets: maskTargetsWith(value), labels: foreground });
const probabilities = (value: number) => () =>
  losses.fusedLoss({ classProbs: tf.tensor2d([0.5, 0.5, 0, 1, 0, value], [2, 3]), labels: ints(0, 1) });

check('tfjs: values out of range', [
  ['targets up to 255', 'VALUE', RangeError, ['maskTargets[26] is 255', '0 to 1'], withTargets(255)],
  ['a target of -1', 'VALUE', RangeError, ['maskTargets[26] is -1', '0 to 1'], withTargets(-1)],
  [
    'while it is differentiated',
    'VALUE',
    RangeError,
    ['maskTargets[26] is 2', '0 to 1'],
    () =>
      tf.grad((z: tf.Tensor) => losses.fusedMaskLoss(z, maskTargetsWith(2), foreground, { classes }))(
        maskLogits,
      ),
  ],
  ['a probability of 5', 'VALUE', RangeError, ['classProbs[5] is 5', '0 to 1'], probabilities(5)],
  ['a probability below 0', 'VALUE', RangeError, ['classProbs[5] is -0.5', '0 to 1'], probabilities(-0.5)],
]);

check('tfjs: errors of the rest', [
  ['no TensorFlow.js', 'TYPE', TypeError, ['tf', 'undefined'], () => roiLosses(undefined as never)],
  ['something else', 'TYPE', TypeError, ['tf', 'an object'], () => roiLosses({ default: tf } as never)],
  ['an unknown option', 'OPTION', TypeError, ["'devise'"], () => roiLosses(tf, { devise: 'cpu' } as never)],
  ['an unknown device', 'DEVICE', RangeError, ["'tpu'"], () => roiLosses(tf, { device: 'tpu' })],
  [
    'a disposed device',
    'DISPOSED',
    Error,
    ['device'],
    () => roiLosses(tf, { device: closed }).fusedClassLoss(classLogits, labels),
  ],
  [
    'the gradient of a loss without',
    'GRADIENT',
    Error,
    ['classLogits', 'grad: false'],
    differentiate((z) => lossOf(z, false)),
  ],
  [
    'a second derivative',
    'GRADIENT',
    Error,
    ['classLogits'],
    differentiate((z) =>
      tf
        .grad((z) => lossOf(z))(z)
        .square()
        .sum(),
    ),
  ],
]);
