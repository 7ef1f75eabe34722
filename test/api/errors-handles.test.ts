import { type Device, openDevice } from 'roi-loss';
import { fusedBoxLoss, fusedClassLoss, fusedLoss, fusedMaskLoss, openTestDevice } from '../support/device';
import { type Attempt, check, detached, good, options, resizable, shared } from '../support/throws';

const device = openTestDevice({ threads: 1 });
const sizes = { rois: 4, ...options };
const made = (given: object) => () => device.batch({ ...sizes, ...given });
const tensor = (length: number, shape: number[]) => device.tensor(new Float32Array(length), shape);
const labels = () => device.tensor(new Int32Array(4), [4]);
const over = (given: object) => () => device.batch({ classes: 3, labels: labels(), ...given });

/** Runs `use` with something that has been disposed. */
function disposed(use: (device: Device) => Attempt): Attempt {
  return () => use(openTestDevice({ threads: 1 }))();
}

check('errors of devices, tensors and batches', [
  ['an unknown device', 'DEVICE', RangeError, ["'gpu'"], () => openDevice('gpu')],
  ['no threads', 'OPTION', RangeError, ['threads', '0'], () => openDevice('cpu', { threads: 0 })],
  [
    'threads that are not whole',
    'OPTION',
    RangeError,
    ['threads', '1.5'],
    () => openDevice('cpu', { threads: 1.5 }),
  ],
  ['negative threads', 'OPTION', RangeError, ['threads', '-2'], () => openDevice('cpu', { threads: -2 })],
  [
    'threads that are no number',
    'OPTION',
    RangeError,
    ['threads', "'2'"],
    () => openDevice('cpu', { threads: '2' as never }),
  ],
  [
    'a misspelled device option',
    'OPTION',
    TypeError,
    ["'thread'"],
    () => openDevice('cpu', { thread: 1 } as never),
  ],
  ['negative sizes', 'SHAPE', RangeError, ['rois', '-1'], made({ rois: -1 })],
  ['sizes that are not whole', 'SHAPE', RangeError, ['rois', '1.5'], made({ rois: 1.5 })],
  ['sizes that are no numbers', 'SHAPE', RangeError, ['classes', "'3'"], made({ classes: '3' })],
  ['sizes that overflow', 'SHAPE', RangeError, ['overflows'], made({ rois: 2 ** 40, classes: 2 ** 40 })],
  [
    'masks that overflow, of no RoI',
    'SHAPE',
    RangeError,
    ['overflow'],
    made({ rois: 0, maskSize: [2 ** 30, 2 ** 30] }),
  ],
  [
    'more memory than there is',
    'MEMORY',
    RangeError,
    ['memory'],
    made({ rois: 2 ** 30, classes: 1000, terms: ['class'] }),
  ],
  ['one class', 'SHAPE', RangeError, ['classes', '1', 'counts background'], made({ classes: 1 })],
  [
    'logits of one class',
    'SHAPE',
    RangeError,
    ['classes', '1', 'counts background'],
    () => device.batch({ classLogits: tensor(4, [4, 1]), labels: labels() }),
  ],
  [
    'an option of another kind',
    'OPTION',
    TypeError,
    ['smoothing', "'bce'"],
    () => fusedMaskLoss(device.batch(sizes), { smoothing: 0.1 }),
  ],
  [
    'eps with a batch of logits',
    'OPTION',
    TypeError,
    ['eps', 'classProbs'],
    () => fusedClassLoss(device.batch(sizes), { eps: 0.1 }),
  ],
  [
    'rois misspelled',
    'OPTION',
    TypeError,
    ["'roi'", 'expected', ' rois,'],
    () => device.batch({ roi: 4, classes: 3 } as never),
  ],
  ['no rois', 'SHAPE', RangeError, ['rois is undefined'], () => device.batch({ classes: 3 } as never)],
  [
    'an input misspelled',
    'OPTION',
    TypeError,
    ["'classLogit'", 'classLogits,'],
    () => device.batch({ classLogit: tensor(12, [4, 3]) } as never),
  ],
  [
    'masks of some RoIs without labels of their own',
    'SHAPE',
    RangeError,
    ['2 masks', '4 RoIs', 'maskLabels'],
    over({ maskLogits: tensor(96, [2, 3, 4, 4]), maskTargets: tensor(32, [2, 4, 4]) }),
  ],
  [
    'a batch for options',
    'TYPE',
    TypeError,
    ['options is a Device'],
    () => openDevice('cpu', device as never),
  ],
  ['an unknown term', 'OPTION', RangeError, ['terms'], made({ terms: ['keypoints'] })],
  ['channels that fit no classes', 'SHAPE', RangeError, ['maskChannels', '7'], made({ maskChannels: 7 })],
  ['an unknown dtype', 'OPTION', RangeError, ['dtype', "'float64'"], made({ dtype: 'float64' })],
  ['a misspelled batch option', 'OPTION', TypeError, ["'maskgrad'"], made({ maskgrad: 'compact' })],
  ['rewrite that is no boolean', 'OPTION', TypeError, ['rewrite', "'yes'"], made({ rewrite: 'yes' })],
  [
    'probabilities that are no boolean',
    'OPTION',
    TypeError,
    ['probabilities', '1'],
    made({ probabilities: 1 }),
  ],
  [
    'a tensor of the wrong rank',
    'SHAPE',
    RangeError,
    ['classLogits', '[12]', '2 dim'],
    over({ classLogits: tensor(12, [12]) }),
  ],
  [
    'tensors that do not agree',
    'SHAPE',
    RangeError,
    ['boxTargets', '[3, 4]', '[4, 4]'],
    over({ boxDeltas: tensor(48, [4, 3, 4]), boxTargets: tensor(12, [3, 4]) }),
  ],
  [
    'a tensor of the wrong type',
    'DTYPE',
    TypeError,
    ['classLogits', 'int32'],
    over({ classLogits: device.tensor(new Int32Array(12), [4, 3]) }),
  ],
  ['no tensor', 'TYPE', TypeError, ['classLogits'], over({ classLogits: new Float32Array(12) })],
  ['a missing tensor', 'TYPE', TypeError, ['boxTargets'], over({ boxDeltas: tensor(48, [4, 3, 4]) })],
  [
    'a tensor of another device',
    'DEVICE',
    TypeError,
    ['classLogits'],
    over({ classLogits: openTestDevice().tensor(new Float32Array(12), [4, 3]) }),
  ],
  ['a tensor longer than its shape', 'SHAPE', RangeError, ['array', '12', '10'], () => tensor(12, [2, 5])],
  ['a shape that is no array', 'TYPE', TypeError, ['shape'], () => tensor(12, 12 as never)],
  ['a shape with a negative size', 'SHAPE', RangeError, ['shape[1]', '-3'], () => tensor(12, [4, -3])],
  [
    'bits without a type',
    'DTYPE',
    TypeError,
    ['a Uint16Array', "'float16' or 'bfloat16'", 'bits'],
    () => device.tensor(new Uint16Array(4), [4]),
  ],
  [
    'bits as float32',
    'DTYPE',
    TypeError,
    ['array', 'Uint16Array'],
    () => device.tensor(new Uint16Array(4), [4], 'float32'),
  ],
  [
    'a pointer that is a number',
    'TYPE',
    TypeError,
    ['pointer', '4096'],
    () => device.tensorAt(4096 as never, [1], 'float32'),
  ],
  ['a null pointer', 'SHAPE', RangeError, ['pointer', '0n'], () => device.tensorAt(0n, [1], 'float32')],
  ['a negative pointer', 'SHAPE', RangeError, ['pointer', '-8n'], () => device.tensorAt(-8n, [1], 'float32')],
  [
    'a pointer between elements',
    'SHAPE',
    RangeError,
    ['pointer', '4098n'],
    () => device.tensorAt(4098n, [1], 'float32'),
  ],
  [
    'writing the wrong type',
    'DTYPE',
    TypeError,
    ['maskTargets', 'Uint8Array'],
    () => device.batch(sizes).write({ maskTargets: new Uint8Array(64) }),
  ],
  [
    'writing the wrong length',
    'SHAPE',
    RangeError,
    ['labels', '3', '4'],
    () => device.batch(sizes).write({ labels: new Int32Array(3) }),
  ],
  [
    'writing an unknown name',
    'OPTION',
    TypeError,
    ["'logits'"],
    () => device.batch(sizes).write({ logits: new Float32Array(1) } as never),
  ],
  [
    'writing what the batch has not',
    'TYPE',
    TypeError,
    ['maskLabels'],
    () => device.batch(sizes).write({ maskLabels: new Int32Array(4) }),
  ],
  [
    'writing a shared buffer',
    'BUFFER',
    TypeError,
    ['classLogits'],
    () => device.batch(sizes).write({ classLogits: shared() }),
  ],
  [
    'writing a resizable buffer',
    'BUFFER',
    TypeError,
    ['classLogits', 'resizable'],
    () => device.batch(sizes).write({ classLogits: resizable() }),
  ],
  [
    'writing a detached buffer',
    'BUFFER',
    TypeError,
    ['classLogits', 'detached'],
    () => device.batch(sizes).write({ classLogits: detached() }),
  ],
  ['a tensor of a shared buffer', 'BUFFER', TypeError, ['array'], () => device.tensor(shared(), [12])],
  ['a tensor of a resizable buffer', 'BUFFER', TypeError, ['array'], () => device.tensor(resizable(), [12])],
  ['a tensor of a detached buffer', 'BUFFER', TypeError, ['array'], () => device.tensor(detached(), [12])],
  [
    'class weights of a shared buffer',
    'BUFFER',
    TypeError,
    ['classWeights', 'SharedArrayBuffer'],
    () => fusedClassLoss(device.batch(sizes), { classWeights: shared() }),
  ],
  [
    'an upstream gradient of the wrong length',
    'SHAPE',
    RangeError,
    ['backward', '3', '4'],
    () => fusedBoxLoss(device.batch(sizes), { reduction: 'none', backward: new Float32Array(3) }),
  ],
  [
    'an unknown kind',
    'OPTION',
    RangeError,
    ['kind', "'focal'"],
    () => fusedMaskLoss(device.batch(sizes), { kind: 'focal' as never }),
  ],
  [
    'a misspelled option',
    'OPTION',
    TypeError,
    ["'weigth'"],
    () => fusedMaskLoss(device.batch(sizes), { weigth: 1 } as never),
  ],
  ['a label below −1', 'LABEL', RangeError, ['labels[3]', '-2'], () => labelled(-2)],
  [
    'a mask label too large',
    'LABEL',
    RangeError,
    ['maskLabels[1]', '3'],
    () => {
      const batch = device.batch({ ...sizes, maskRois: 2 });
      batch.write({ maskLabels: Int32Array.of(1, 3) });
      return fusedMaskLoss(batch).loss();
    },
  ],
  [
    'a shape whose product overflows',
    'SHAPE',
    RangeError,
    ['overflows'],
    () => tensor(1, [2 ** 40, 2 ** 40]),
  ],
  [
    'a borrowed shape whose product overflows',
    'SHAPE',
    RangeError,
    ['overflows'],
    () => device.tensorAt(4096n, [2 ** 40, 2 ** 40], 'float32'),
  ],
  [
    'a term that the batch has not',
    'TYPE',
    TypeError,
    ['box'],
    () => fusedBoxLoss(device.batch({ ...sizes, terms: ['class'] })),
  ],
  ['a label too large', 'LABEL', RangeError, ['labels[3]', '3'], () => labelled(3)],
  [
    'an option of arrays with a batch',
    'OPTION',
    TypeError,
    ["'classes'"],
    () => fusedMaskLoss(device.batch(sizes), { classes: 3 } as never),
  ],
  [
    'a disposed device: tensor',
    'DISPOSED',
    TypeError,
    ['device'],
    disposed((d) => () => {
      d.dispose();
      d.tensor(new Float32Array(1), [1]);
    }),
  ],
  [
    'a disposed device: step',
    'DISPOSED',
    TypeError,
    ['device'],
    disposed((d) => () => {
      const batch = d.batch(sizes);
      d.dispose();
      fusedLoss(batch);
    }),
  ],
  [
    'a disposed device: arrays',
    'DISPOSED',
    TypeError,
    ['device'],
    disposed((d) => () => {
      d.dispose();
      fusedLoss(good(), { ...options, device: d });
    }),
  ],
  [
    'a disposed batch',
    'DISPOSED',
    TypeError,
    ['batch'],
    () => {
      const batch = device.batch(sizes);
      batch.dispose();
      batch.dispose();
      fusedLoss(batch);
    },
  ],
  [
    'a disposed tensor',
    'DISPOSED',
    TypeError,
    ['tensor'],
    () => {
      const t = tensor(1, [1]);
      t.dispose();
      t.readSync();
    },
  ],
  [
    'writing a disposed tensor',
    'DISPOSED',
    TypeError,
    ['array'],
    () => {
      const t = tensor(1, [1]);
      t[Symbol.dispose]();
      t.write(new Float32Array(1));
    },
  ],
  [
    'the address of a disposed tensor',
    'DISPOSED',
    TypeError,
    ['tensor'],
    () => {
      const t = tensor(1, [1]);
      t.dispose();
      return t.pointer;
    },
  ],
  [
    'writing a disposed batch',
    'DISPOSED',
    TypeError,
    ['batch'],
    () => {
      const batch = device.batch(sizes);
      batch[Symbol.dispose]();
      batch.write({ labels: new Int32Array(4) });
    },
  ],
  [
    'a gradient of a disposed batch',
    'DISPOSED',
    TypeError,
    ['tensor'],
    () => {
      const batch = device.batch(sizes);
      batch.dispose();
      batch.grads.maskLogits.readSync();
    },
  ],
  [
    'a batch over a disposed tensor',
    'DISPOSED',
    TypeError,
    ['classLogits'],
    () => {
      const classLogits = tensor(12, [4, 3]);
      classLogits.dispose();
      over({ classLogits })();
    },
  ],
  [
    'a disposed device: borrowed memory',
    'DISPOSED',
    TypeError,
    ['device'],
    disposed((d) => () => {
      d[Symbol.dispose]();
      d.tensorAt(4096n, [1], 'float32');
    }),
  ],
  [
    'a disposed input',
    'DISPOSED',
    TypeError,
    ['classLogits'],
    () => {
      const classLogits = tensor(12, [4, 3]);
      const batch = device.batch({ classLogits, labels: labels() });
      classLogits.dispose();
      fusedClassLoss(batch);
    },
  ],
]);

/** Bad labels are found before a step on the CPU, and by the step on a GPU. */
function labelled(label: number): Promise<unknown> {
  const batch = device.batch(sizes);
  batch.write({ labels: Int32Array.of(0, 1, 2, label) });
  return fusedLoss(batch).losses();
}
