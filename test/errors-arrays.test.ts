import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss } from 'roi-loss';
import { check, detached, good, options, resizable, shared } from './support/throws';

/** A call of the whole loss with some inputs replaced; types are no help against what JavaScript passes. */
const inputs = (replaced: object) => () => fusedLoss({ ...good(), ...replaced }, options);

check('errors of arrays', [
  ['no inputs', 'TYPE', TypeError, ['inputs', 'undefined'], () => fusedLoss(undefined as never, options)],
  [
    'inputs of no term',
    'TYPE',
    TypeError,
    ['inputs'],
    () => fusedLoss({ labels: Int32Array.of(1) }, options),
  ],
  ['a misspelled input', 'OPTION', TypeError, ["'maskLogit'"], inputs({ maskLogit: new Float32Array(1) })],
  ['a missing input', 'TYPE', TypeError, ['boxTargets'], inputs({ boxTargets: undefined })],
  ['no labels', 'TYPE', TypeError, ['labels'], inputs({ labels: undefined })],
  ['a plain array', 'TYPE', TypeError, ['classLogits', '[1, 2]'], inputs({ classLogits: [1, 2] })],
  [
    'a buffer',
    'TYPE',
    TypeError,
    ['classLogits', 'ArrayBuffer'],
    inputs({ classLogits: new ArrayBuffer(48) }),
  ],
  [
    'wrong element type',
    'DTYPE',
    TypeError,
    ['classLogits', 'Float64Array', 'Float32Array'],
    inputs({ classLogits: new Float64Array(12) }),
  ],
  [
    'labels that are floats',
    'DTYPE',
    TypeError,
    ['labels', 'Float32Array', 'Int32Array'],
    inputs({ labels: new Float32Array(4) }),
  ],
  [
    'targets that are int32',
    'DTYPE',
    TypeError,
    ['maskTargets', 'Int32Array'],
    inputs({ maskTargets: new Int32Array(64) }),
  ],
  [
    'wrong length: logits',
    'SHAPE',
    RangeError,
    ['classLogits', '11', '12'],
    inputs({ classLogits: new Float32Array(11) }),
  ],
  [
    'wrong length: deltas',
    'SHAPE',
    RangeError,
    ['boxDeltas', '40', '48'],
    inputs({ boxDeltas: new Float32Array(40) }),
  ],
  [
    'wrong length: targets',
    'SHAPE',
    RangeError,
    ['boxTargets', '15', '16'],
    inputs({ boxTargets: new Float32Array(15) }),
  ],
  [
    'wrong length: masks',
    'SHAPE',
    RangeError,
    ['maskLogits', '100'],
    inputs({ maskLogits: new Float32Array(100) }),
  ],
  [
    'wrong length: mask targets',
    'SHAPE',
    RangeError,
    ['maskTargets', '63', '64'],
    inputs({ maskTargets: new Float32Array(63) }),
  ],
  ['lengths that do not agree', 'SHAPE', RangeError, ['20', '5'], inputs({ labels: new Int32Array(5) })],
  [
    'a label too large',
    'LABEL',
    RangeError,
    ['labels[2]', '3', '2'],
    inputs({ labels: Int32Array.of(0, 1, 3, 1) }),
  ],
  [
    'a label too small',
    'LABEL',
    RangeError,
    ['labels[0]', '-2'],
    inputs({ labels: Int32Array.of(-2, 1, 0, 1) }),
  ],
  [
    'a mask label too large',
    'LABEL',
    RangeError,
    ['maskLabels[1]', '9'],
    inputs({ maskLabels: Int32Array.of(1, 9, 1, 1) }),
  ],
  [
    'a shared buffer',
    'BUFFER',
    TypeError,
    ['classLogits', 'SharedArrayBuffer'],
    inputs({ classLogits: shared() }),
  ],
  [
    'a resizable buffer',
    'BUFFER',
    TypeError,
    ['classLogits', 'resizable'],
    inputs({ classLogits: resizable() }),
  ],
  [
    'a detached buffer',
    'BUFFER',
    TypeError,
    ['classLogits', 'detached'],
    inputs({ classLogits: detached() }),
  ],
  [
    'logits and probabilities',
    'OPTION',
    TypeError,
    ['classLogits', 'classProbs'],
    inputs({ classProbs: new Float32Array(12) }),
  ],
  [
    'no classes for boxes',
    'SHAPE',
    RangeError,
    ['classes'],
    () =>
      fusedBoxLoss({
        boxDeltas: new Float32Array(4),
        boxTargets: new Float32Array(4),
        labels: Int32Array.of(0),
      }),
  ],
  [
    'no classes for masks',
    'SHAPE',
    RangeError,
    ['classes'],
    () =>
      fusedMaskLoss({
        maskLogits: new Float32Array(784),
        maskTargets: new Float32Array(784),
        labels: Int32Array.of(0),
      }),
  ],
  [
    'one-hot labels',
    'SHAPE',
    RangeError,
    ['labels', '6', 'one-hot?', 'counts background'],
    () => fusedClassLoss({ classLogits: new Float32Array(6), labels: Int32Array.of(0, 1, 0, 1, 0, 0) }),
  ],
  [
    'one-hot labels with classes',
    'SHAPE',
    RangeError,
    ['labels', 'one-hot?'],
    () => fusedLoss({ classProbs: new Float32Array(6), labels: new Int32Array(6) }, { classes: 3 }),
  ],
  [
    'one class of boxes',
    'SHAPE',
    RangeError,
    ['classes', '1', 'counts background'],
    () =>
      fusedBoxLoss(
        { boxDeltas: new Float32Array(4), boxTargets: new Float32Array(4), labels: Int32Array.of(0) },
        { classes: 1 },
      ),
  ],
  [
    'weights of other classes without RoIs',
    'SHAPE',
    RangeError,
    ['class.classWeights', '1', '2'],
    () =>
      fusedLoss(
        { classLogits: new Float32Array(0), labels: new Int32Array(0) },
        { class: { classWeights: Float32Array.of(1) } },
      ),
  ],
  [
    'logits without RoIs',
    'SHAPE',
    RangeError,
    ['classLogits', '6'],
    () => fusedClassLoss({ classLogits: new Float32Array(6), labels: new Int32Array(0) }),
  ],
  [
    'logits of no whole number of classes',
    'SHAPE',
    RangeError,
    ['classLogits'],
    () => fusedClassLoss({ classLogits: new Float32Array(7), labels: new Int32Array(2) }),
  ],
]);
