import { fusedLoss, fusedMaskLoss } from 'roi-loss';
import { optionKinds } from '../../lib/kinds';
import { maskKinds } from '../support/kinds';
import { check, good, options } from '../support/throws';

const withOptions = (given: object) => () => fusedLoss(good(), { ...options, ...given });

/** Each mask option with each kind that does not take it, alone and in a mixture with another such. */
const optionsOfOtherKinds = optionKinds.mask.flatMap(([option, takers]) => {
  const others = maskKinds.filter((kind) => !takers.includes(kind));
  const row = (kind: unknown, what: string, named: readonly string[]) =>
    [
      `${option} with ${what}`,
      'OPTION',
      TypeError,
      [`mask.${option}`, 'expected none', ...named],
      withOptions({ mask: { kind, [option]: 0.2 } }),
    ] as const;
  const mixture = Object.fromEntries(others.map((kind) => [kind, 1]));
  return [...others.map((kind) => row(kind, kind, [kind])), row(mixture, JSON.stringify(mixture), others)];
});

check('errors of options', [
  ['a misspelled option', 'OPTION', TypeError, ["'weigth'"], withOptions({ weigth: 1 })],
  [
    'a misspelled option of a term',
    'OPTION',
    TypeError,
    ["'knd'", 'mask'],
    withOptions({ mask: { knd: 'dice' } }),
  ],
  [
    'an option of another term',
    'OPTION',
    TypeError,
    ["'labelSmoothing'"],
    () => fusedMaskLoss(good(), { ...options, labelSmoothing: 1 } as never),
  ],
  ['options that are no object', 'TYPE', TypeError, ['options'], () => fusedLoss(good(), 'dice' as never)],
  ['a term that is no object', 'TYPE', TypeError, ['mask'], withOptions({ mask: 'dice' })],
  [
    'an unknown kind',
    'OPTION',
    RangeError,
    ['mask.kind', "'focal'", "'dice'"],
    withOptions({ mask: { kind: 'focal' } }),
  ],
  [
    'an unknown kind alone',
    'OPTION',
    RangeError,
    ['kind', "'toString'"],
    () => fusedMaskLoss(good(), { ...options, kind: 'toString' as never }),
  ],
  [
    'an unknown kind in a mixture',
    'OPTION',
    RangeError,
    ['mask.kind', "'focal'"],
    withOptions({ mask: { kind: { focal: 1 } } }),
  ],
  ['a mixture of nothing', 'OPTION', RangeError, ['mask.kind'], withOptions({ mask: { kind: {} } })],
  [
    'a negative weight in a mixture',
    'OPTION',
    RangeError,
    ['mask.kind', 'dice', '-1'],
    withOptions({ mask: { kind: { dice: -1 } } }),
  ],
  [
    'an unknown reduction',
    'OPTION',
    RangeError,
    ['reduction', "'average'"],
    withOptions({ reduction: 'average' }),
  ],
  ...optionsOfOtherKinds,
  ['a normalizer of 0', 'OPTION', RangeError, ['normalizer', '0', 'give 1'], withOptions({ normalizer: 0 })],
  ['a weight that is no number', 'OPTION', RangeError, ['weight', "'1'"], withOptions({ weight: '1' })],
  ['a weight of NaN', 'OPTION', RangeError, ['weight', 'NaN'], withOptions({ weight: Number.NaN })],
  [
    'an infinite gradScale',
    'OPTION',
    RangeError,
    ['gradScale', 'Infinity'],
    withOptions({ gradScale: Number.POSITIVE_INFINITY }),
  ],
  ['grad that is no boolean', 'OPTION', TypeError, ['grad', '1'], withOptions({ grad: 1 })],
  ['a negative beta', 'OPTION', RangeError, ['box.beta', '-1'], withOptions({ box: { beta: -1 } })],
  [
    'smoothing above 1',
    'OPTION',
    RangeError,
    ['mask.smoothing', '1.5'],
    withOptions({ mask: { kind: 'smoothed-bce', smoothing: 1.5 } }),
  ],
  [
    'label smoothing below 0',
    'OPTION',
    RangeError,
    ['class.labelSmoothing', '-0.1'],
    withOptions({ class: { labelSmoothing: -0.1 } }),
  ],
  ['an eps of 0', 'OPTION', RangeError, ['mask.eps', '0'], withOptions({ mask: { kind: 'dice', eps: 0 } })],
  [
    'class weights of the wrong length',
    'SHAPE',
    RangeError,
    ['class.classWeights', '2', '3'],
    withOptions({ class: { classWeights: new Float32Array(2) } }),
  ],
  [
    'class weights of the wrong type',
    'DTYPE',
    TypeError,
    ['class.classWeights', 'Float64Array'],
    withOptions({ class: { classWeights: new Float64Array(3) } }),
  ],
  [
    'a negative class weight',
    'OPTION',
    RangeError,
    ['class.classWeights[1]', '-1'],
    withOptions({ class: { classWeights: Float32Array.of(1, -1, 1) } }),
  ],
  [
    'upstream gradients with mean',
    'OPTION',
    RangeError,
    ['backward', "'mean'"],
    withOptions({ backward: new Float32Array(4) }),
  ],
  [
    'upstream gradients of the wrong length',
    'SHAPE',
    RangeError,
    ['backward', '3', '4'],
    withOptions({ reduction: 'none', backward: new Float32Array(3) }),
  ],
  [
    'eps with logits',
    'OPTION',
    TypeError,
    ['class.eps', 'classProbs', 'classLogits'],
    withOptions({ class: { eps: 0.01 } }),
  ],
  [
    'smoothing with the default kind',
    'OPTION',
    TypeError,
    ['smoothing', "'smoothed-bce'", "'bce'"],
    () => fusedMaskLoss(good(), { ...options, smoothing: 0.2 }),
  ],
  ['one class', 'SHAPE', RangeError, ['classes', '1', 'counts background'], withOptions({ classes: 1 })],
  ['classes that are not whole', 'SHAPE', RangeError, ['classes', '2.5'], withOptions({ classes: 2.5 })],
  ['classes that are negative', 'SHAPE', RangeError, ['classes', '-3'], withOptions({ classes: -3 })],
  ['classes against the logits', 'SHAPE', RangeError, ['classLogits'], withOptions({ classes: 4 })],
  ['a mask size of one number', 'SHAPE', RangeError, ['maskSize', '28'], withOptions({ maskSize: 28 })],
  ['a mask size of 0', 'SHAPE', RangeError, ['maskSize[1]', '0'], withOptions({ maskSize: [4, 0] })],
  [
    'a mask size that is not whole',
    'SHAPE',
    RangeError,
    ['maskSize[0]', '4.5'],
    withOptions({ maskSize: [4.5, 4] }),
  ],
  [
    'a mask size that overflows',
    'SHAPE',
    RangeError,
    ['maskLogits'],
    withOptions({ maskSize: [2 ** 30, 2 ** 30] }),
  ],
  ['an unknown layout', 'OPTION', RangeError, ['layout', "'chwn'"], withOptions({ layout: 'chwn' })],
  [
    'an unknown maskGrad',
    'OPTION',
    RangeError,
    ['maskGrad', "'sparse'"],
    withOptions({ maskGrad: 'sparse' }),
  ],
  ['a device that is none', 'TYPE', TypeError, ['device', '7'], withOptions({ device: 7 })],
]);
