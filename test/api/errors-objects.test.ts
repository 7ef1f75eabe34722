import { fusedLoss, fusedMaskLoss, openDevice } from 'roi-loss';
import { inputsOf } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { check } from '../support/throws';

// What no target can be made of: an error that names the argument, its index and value.

const sizes = { rois: 4, classes: 3, maskSize: [4, 4] as const };
const { boxTargets, maskTargets, ...logits } = inputsOf(5, sizes);
const labels = Int32Array.of(2, 0, 1, -1);
const { gtMasks, gtPolygons, ...boxes } = sceneOf(6, { rois: 4, objects: 3, imageSize: [20, 30] });
const good = { ...logits, labels, ...boxes, gtMasks };
const options = { classes: 3, maskSize: [4, 4] as const, imageSize: [20, 30] as const };

const call =
  (inputs: object, more: object = {}) =>
  () =>
    fusedLoss({ ...good, ...inputs }, { ...options, ...more });
const polygons = (replaced: object) =>
  call({ gtMasks: undefined, gtPolygons: { ...gtPolygons, ...replaced } });
const changed = <A extends Int32Array | Float32Array>(array: A, index: number, value: number): A => {
  const copy = array.slice() as A;
  copy[index] = value;
  return copy;
};
const batch = (change: object) => async () => {
  using device = openDevice('cpu');
  using made = device.batch({ ...sizes, objects: 3, imageSize: [20, 30] });
  made.write(good);
  await fusedLoss(made).losses();
  made.write(change);
  await fusedLoss(made).losses();
};

check('errors of objects', [
  [
    'a match that is no object',
    'VALUE',
    RangeError,
    ['matches[2] is 3', 'from 0 to 2'],
    call({ matches: Int32Array.of(0, 9, 3, 9) }),
  ],
  [
    'a match below 0',
    'VALUE',
    RangeError,
    ['matches[0] is -1'],
    call({ matches: Int32Array.of(-1, 0, 0, 0) }),
  ],
  [
    'a match where there are no objects',
    'VALUE',
    RangeError,
    ['matches[0] is', 'no objects'],
    call({ gtBoxes: new Float32Array(0), gtMasks: new Uint8Array(0) }),
  ],
  [
    'a proposal with x2 < x1',
    'VALUE',
    RangeError,
    ['proposals[10] is -7', 'x2 >= x1'],
    call({ proposals: changed(boxes.proposals, 10, -7) }),
  ],
  [
    'a proposal with a NaN',
    'VALUE',
    RangeError,
    ['proposals[1] is NaN'],
    call({ proposals: changed(boxes.proposals, 1, Number.NaN) }),
  ],
  [
    'an infinite proposal',
    'VALUE',
    RangeError,
    ['proposals[3] is Infinity'],
    call({ proposals: changed(boxes.proposals, 3, Number.POSITIVE_INFINITY) }),
  ],
  [
    'matches and proposals of masks',
    'VALUE',
    RangeError,
    ['maskMatches[0] is 5'],
    () =>
      fusedMaskLoss(
        {
          maskLogits: new Float32Array(3 * 16),
          maskLabels: Int32Array.of(1),
          maskProposals: Float32Array.of(0, 0, 5, 5),
          maskMatches: Int32Array.of(5),
          gtMasks,
        },
        options,
      ),
  ],
  [
    'an object without rings',
    'VALUE',
    RangeError,
    ['gtPolygons.objects[2] is 1', 'every object has a ring'],
    polygons({ objects: Int32Array.of(0, 1, 1, 4) }),
  ],
  [
    'rings behind the last',
    'VALUE',
    RangeError,
    ['gtPolygons.objects[3] is 9', 'from 0 to 4'],
    polygons({ objects: Int32Array.of(0, 1, 3, 9) }),
  ],
  [
    'a ring of two points',
    'VALUE',
    RangeError,
    ['gtPolygons.rings[1] is 2', 'at least 3'],
    polygons({ rings: changed(gtPolygons.rings, 1, 2) }),
  ],
  [
    'a ring that ends behind the points',
    'VALUE',
    RangeError,
    ['gtPolygons.rings[4] is 99'],
    polygons({ rings: changed(gtPolygons.rings, 4, 99) }),
  ],
  [
    'rings that do not begin at 0',
    'VALUE',
    RangeError,
    ['gtPolygons.rings[0] is 1'],
    polygons({ rings: changed(gtPolygons.rings, 0, 1) }),
  ],
  [
    'a point that is no number',
    'VALUE',
    RangeError,
    ['gtPolygons.points[7] is NaN'],
    polygons({ points: changed(gtPolygons.points, 7, Number.NaN) }),
  ],
  [
    'polygons of other objects',
    'SHAPE',
    RangeError,
    ['gtPolygons.objects has 3 elements', '[G + 1] = [4]'],
    polygons({ objects: Int32Array.of(0, 1, 4) }),
  ],
  [
    'no offsets',
    'SHAPE',
    RangeError,
    ['gtPolygons.rings has 0 elements'],
    polygons({ rings: new Int32Array(0) }),
  ],
  [
    'polygons without points',
    'TYPE',
    TypeError,
    ['gtPolygons.points is missing'],
    polygons({ points: undefined }),
  ],
  [
    'polygons that are none',
    'TYPE',
    TypeError,
    ['gtPolygons is [1]'],
    call({ gtMasks: undefined, gtPolygons: [1] }),
  ],
  ['a misspelled part', 'OPTION', TypeError, ["'ring'"], polygons({ ring: 1 })],
  [
    'bitmaps without their size',
    'SHAPE',
    RangeError,
    ['imageSize is undefined'],
    call({}, { imageSize: undefined }),
  ],
  [
    'bitmaps of another size',
    'SHAPE',
    RangeError,
    ['gtMasks has 1800 elements', '[G, Hi, Wi] = [3, 20, 31]'],
    call({}, { imageSize: [20, 31] }),
  ],
  [
    'proposals of other RoIs',
    'SHAPE',
    RangeError,
    ['proposals has 12 elements'],
    call({ proposals: boxes.proposals.subarray(4) }),
  ],
  ['no matches', 'TYPE', TypeError, ['matches is missing'], call({ matches: undefined })],
  ['no proposals', 'TYPE', TypeError, ['proposals is missing'], call({ proposals: undefined })],
  ['boxes and their targets', 'OPTION', TypeError, ['boxTargets and gtBoxes'], call({ boxTargets })],
  ['bitmaps and targets', 'OPTION', TypeError, ['maskTargets and gtMasks'], call({ maskTargets })],
  [
    'polygons and targets',
    'OPTION',
    TypeError,
    ['maskTargets and gtPolygons'],
    call({ gtMasks: undefined, gtPolygons, maskTargets }),
  ],
  ['bitmaps and polygons', 'OPTION', TypeError, ['gtMasks and gtPolygons'], call({ gtPolygons })],
  [
    'deltaWeights with targets',
    'OPTION',
    TypeError,
    ['box.deltaWeights', 'boxTargets'],
    call({ gtBoxes: undefined, boxTargets }, { box: { deltaWeights: [1, 1, 1, 1] } }),
  ],
  [
    'three deltaWeights',
    'OPTION',
    RangeError,
    ['box.deltaWeights is [1, 1, 1]'],
    call({}, { box: { deltaWeights: [1, 1, 1] } }),
  ],
  [
    'a deltaWeight of 0',
    'OPTION',
    RangeError,
    ['box.deltaWeights[2] is 0'],
    call({}, { box: { deltaWeights: [1, 1, 0, 1] } }),
  ],
  [
    'a crop that is none',
    'OPTION',
    RangeError,
    ["mask.crop is 'mmdet'"],
    call({}, { mask: { crop: 'mmdet' } }),
  ],
  [
    'a crop with targets',
    'OPTION',
    TypeError,
    ['mask.crop', 'gtMasks'],
    call({ gtMasks: undefined, maskTargets }, { mask: { crop: 'detectron2' } }),
  ],
  [
    'soft polygons',
    'OPTION',
    TypeError,
    ["mask.crop is 'torchvision'", 'gtPolygons'],
    call({ gtMasks: undefined, gtPolygons }, { mask: { crop: 'torchvision' } }),
  ],
  ['targets that are no flag', 'OPTION', TypeError, ['targets is 1'], call({}, { targets: 1 })],
  ['objects without deltas', 'TYPE', TypeError, ['boxDeltas is missing'], call({ boxDeltas: undefined })],
  [
    'a batch: a match that is no object',
    'VALUE',
    RangeError,
    ['matches[0] is 3'],
    batch({ matches: Int32Array.of(3, 0, 0, 0) }),
  ],
  [
    'a batch: a proposal with a NaN',
    'VALUE',
    RangeError,
    ['proposals[2] is NaN'],
    batch({ proposals: changed(boxes.proposals, 2, Number.NaN) }),
  ],
  [
    'a batch: bitmaps of another size',
    'SHAPE',
    RangeError,
    ['gtMasks'],
    batch({ gtMasks: gtMasks.subarray(1) }),
  ],
  [
    'a batch: bitmaps and polygons',
    'OPTION',
    TypeError,
    ['imageSize and polygons'],
    () =>
      openDevice('cpu').batch({ ...sizes, objects: 3, imageSize: [2, 2], polygons: { points: 3, rings: 1 } }),
  ],
  [
    'a batch: bitmaps of how many objects',
    'SHAPE',
    RangeError,
    ['objects is undefined'],
    () => openDevice('cpu').batch({ ...sizes, imageSize: [2, 2] }),
  ],
]);
