import { clipBoxes, decodeBoxes, encodeBoxes, matchBoxes, nms, sampleRois } from 'roi-loss';
import { check, detached, resizable, shared } from '../support/throws';

const boxes = (count = 3) => new Float32Array(4 * count);
const match = (replaced: object, options?: object) => () =>
  matchBoxes({ boxes: boxes(), gtBoxes: boxes(2), ...replaced }, options);
const encode = (replaced: object, options?: object) => () =>
  encodeBoxes({ proposals: boxes(), gtBoxes: boxes(), ...replaced }, options);
const suppress = (replaced: object, options?: object) => () =>
  nms({ boxes: boxes(), scores: new Float32Array(3), ...replaced }, options);

check('errors of matching', [
  [
    'boxes in place of inputs',
    'TYPE',
    TypeError,
    ['inputs is a Float32Array', '{ boxes, gtBoxes'],
    () => matchBoxes(boxes() as never),
  ],
  ['a misspelled input', 'OPTION', TypeError, ["'gtBox'", 'gtBoxes'], match({ gtBox: boxes() })],
  ['a misspelled option', 'OPTION', TypeError, ["'lowquality'"], match({}, { lowquality: true })],
  ['no boxes', 'TYPE', TypeError, ['boxes is undefined', 'Float32Array'], match({ boxes: undefined })],
  ['doubles', 'DTYPE', TypeError, ['gtBoxes is a Float64Array'], match({ gtBoxes: new Float64Array(4) })],
  [
    'a part of a box',
    'SHAPE',
    RangeError,
    ['boxes has 7', 'multiple of 4'],
    match({ boxes: new Float32Array(7) }),
  ],
  ['a shared buffer', 'BUFFER', TypeError, ['boxes', 'SharedArrayBuffer'], match({ boxes: shared() })],
  ['a resizable buffer', 'BUFFER', TypeError, ['gtBoxes', 'resizable'], match({ gtBoxes: resizable() })],
  ['a detached buffer', 'BUFFER', TypeError, ['boxes', 'detached'], match({ boxes: detached() })],
  [
    'too few classes',
    'SHAPE',
    RangeError,
    ['gtLabels has 1', 'expected 2'],
    match({ gtLabels: Int32Array.of(1) }),
  ],
  [
    'an object of the background',
    'LABEL',
    RangeError,
    ['gtLabels[1] is 0', 'from 1 on'],
    match({ gtLabels: Int32Array.of(1, 0) }),
  ],
  [
    'marks that are no bytes',
    'DTYPE',
    TypeError,
    ['gtIgnore', 'Uint8Array'],
    match({ gtIgnore: new Int32Array(2) }),
  ],
  [
    'too many marks',
    'SHAPE',
    RangeError,
    ['gtIgnore has 3', 'expected 2'],
    match({ gtIgnore: new Uint8Array(3) }),
  ],
  ['a percentage', 'OPTION', RangeError, ['foreground is 50', 'from 0 to 1'], match({}, { foreground: 50 })],
  [
    'thresholds the wrong way round',
    'OPTION',
    RangeError,
    ['background is 0.7', '0.5'],
    match({}, { background: 0.7 }),
  ],
  ['an unknown device', 'DEVICE', RangeError, ["device is 'gpu'"], match({}, { device: 'gpu' })],
  ['a word for a flag', 'OPTION', TypeError, ["lowQuality is 'no'"], match({}, { lowQuality: 'no' })],
]);

check('errors of boxes', [
  [
    'a box too few',
    'SHAPE',
    RangeError,
    ['gtBoxes has 2 boxes', 'expected 3', 'matches'],
    encode({ gtBoxes: boxes(2) }),
  ],
  [
    'a match too few',
    'SHAPE',
    RangeError,
    ['matches has 2', 'expected 3'],
    encode({ matches: new Int32Array(2) }),
  ],
  [
    'a match that is no object',
    'VALUE',
    RangeError,
    ['matches[2] is 3', 'below 3'],
    encode({ matches: Int32Array.of(0, -1, 3) }),
  ],
  [
    'three weights',
    'OPTION',
    TypeError,
    ['deltaWeights is [1, 1, 1]'],
    encode({}, { deltaWeights: [1, 1, 1] }),
  ],
  [
    'a weight of 0',
    'OPTION',
    RangeError,
    ['deltaWeights[2] is 0'],
    encode({}, { deltaWeights: [1, 1, 0, 1] }),
  ],
  [
    'deltas of half a proposal',
    'SHAPE',
    RangeError,
    ['deltas has 16', 'multiple of 12'],
    () => decodeBoxes({ proposals: boxes(3), deltas: boxes(4) }),
  ],
  [
    'deltas of no proposal',
    'SHAPE',
    RangeError,
    ['deltas has 4', 'multiple of 0'],
    () => decodeBoxes({ proposals: boxes(0), deltas: boxes(1) }),
  ],
  [
    'no size of the image',
    'OPTION',
    TypeError,
    ['imageSize is undefined', '[height, width]'],
    () => clipBoxes(boxes(), {} as never),
  ],
  [
    'half a pixel',
    'SHAPE',
    RangeError,
    ['imageSize[1] is 1.5'],
    () => clipBoxes(boxes(), { imageSize: [1, 1.5] }),
  ],
  [
    'a score too few',
    'SHAPE',
    RangeError,
    ['scores has 2', 'expected 3'],
    suppress({ scores: new Float32Array(2) }),
  ],
  [
    'a score that is NaN',
    'VALUE',
    RangeError,
    ['scores[1] is NaN'],
    suppress({ scores: Float32Array.of(0, Number.NaN, 1) }),
  ],
  [
    'labels of another type',
    'DTYPE',
    TypeError,
    ['labels', 'Int32Array'],
    suppress({ labels: new Uint8Array(3) }),
  ],
  ['a threshold above 1', 'OPTION', RangeError, ['iouThreshold is 2'], suppress({}, { iouThreshold: 2 })],
]);

const sample =
  (options: object, labels: unknown = new Int32Array(4)) =>
  () =>
    sampleRois(labels as Int32Array, { seed: 1, ...options });

check('errors of sampling', [
  ['no seed', 'OPTION', RangeError, ['seed is undefined', 'whole number'], sample({ seed: undefined })],
  [
    'no options',
    'TYPE',
    TypeError,
    ['options is undefined'],
    () => sampleRois(new Int32Array(1), undefined as never),
  ],
  ['a seed below 0', 'OPTION', RangeError, ['seed is -1'], sample({ seed: -1 })],
  ['half a RoI', 'OPTION', RangeError, ['count is 0.5'], sample({ count: 0.5 })],
  [
    'a percentage',
    'OPTION',
    RangeError,
    ['foregroundFraction is 25', 'from 0 to 1'],
    sample({ foregroundFraction: 25 }),
  ],
  ['a word for a flag', 'OPTION', TypeError, ["inPlace is 'yes'"], sample({ inPlace: 'yes' })],
  ['a misspelled option', 'OPTION', TypeError, ["'fraction'"], sample({ fraction: 1 })],
  [
    'labels of another type',
    'DTYPE',
    TypeError,
    ['labels is a Float32Array'],
    sample({}, new Float32Array(2)),
  ],
  ['a list of labels', 'TYPE', TypeError, ['labels is [0, 1]'], sample({}, [0, 1])],
]);
