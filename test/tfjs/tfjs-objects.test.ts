import { fusedLoss, isRoiLossError, type LossInputs } from 'roi-loss';
import { roiLosses } from 'roi-loss/tfjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { assertSame } from '../support/close';
import { onBackends, tf } from '../support/tfjs';

// Objects as tensors of TensorFlow.js: the losses and gradients are those of arrays, to the bit.

const test = suite('tfjs, objects');
const losses = roiLosses(tf, { device: 'cpu' });

const [rois, classes, side, objects] = [12, 4, 7, 3];
const imageSize = [30, 40] as const;
const { boxTargets: _, maskTargets: __, ...logits } = inputsOf(8, { rois, classes, maskSize: [side, side] });
const { gtMasks, gtPolygons, ...boxes } = sceneOf(9, { rois, objects, imageSize });
const mask = { crop: 'torchvision' } as const;

const ofObjects = () => ({
  labels: tf.tensor1d(logits.labels, 'int32'),
  proposals: tf.tensor2d(boxes.proposals, [rois, 4]),
  matches: tf.tensor1d(boxes.matches, 'int32'),
  gtBoxes: tf.tensor2d(boxes.gtBoxes, [objects, 4]),
});
const bits = (dtype: 'bool' | 'int32') => tf.tensor3d(gtMasks, [objects, ...imageSize], 'int32').cast(dtype);
const polygons = () => ({
  points: tf.tensor2d(gtPolygons.points, [gtPolygons.points.length / 2, 2]),
  rings: tf.tensor1d(gtPolygons.rings, 'int32'),
  objects: tf.tensor1d(gtPolygons.objects, 'int32'),
});

/** The total loss, and its gradient by the mask logits. */
function differentiate(own: object, options: object) {
  const whole = (maskLogits: tf.Tensor) =>
    losses.fusedLoss(
      {
        classLogits: tf.tensor2d(logits.classLogits, [rois, classes]),
        boxDeltas: tf.tensor3d(logits.boxDeltas, [rois, classes, 4]),
        maskLogits,
        ...ofObjects(),
        ...own,
      },
      { layout: 'nchw', ...options },
    ).total;
  const { value, grad } = tf.valueAndGrad(whole)(tf.tensor4d(logits.maskLogits, [rois, classes, side, side]));
  return { value: value.dataSync()[0], grad: grad.dataSync() as Float32Array };
}

function compare(own: object, arrays: object, options: object): void {
  const got = differentiate(own, options);
  const want = fusedLoss({ ...logits, ...boxes, ...arrays } as typeof logits & LossInputs, {
    maskSize: [side, side],
    imageSize,
    ...options,
  });
  assert.is(got.value, Math.fround(want.losses.total));
  assertSame(got.grad, want.grads.maskLogits, 'maskLogits');
}

for (const dtype of ['bool', 'int32'] as const)
  onBackends(test, `bitmaps of ${dtype}`, () => compare({ gtMasks: bits(dtype) }, { gtMasks }, { mask }));
onBackends(test, 'polygons', () => compare({ gtPolygons: polygons() }, { gtPolygons }, {}));

onBackends(test, 'the functions of one term', () => {
  const { gtBoxes, ...matched } = ofObjects();
  const box = losses.fusedBoxLoss(
    { boxDeltas: tf.tensor3d(logits.boxDeltas, [rois, classes, 4]), gtBoxes, ...matched },
    { classes, deltaWeights: [1, 1, 1, 1] },
  );
  const maskLogits = tf.tensor4d(logits.maskLogits, [rois, classes, side, side]);
  const masks = losses.fusedMaskLoss(
    { maskLogits, gtPolygons: polygons(), ...matched },
    { classes, layout: 'nchw' },
  );
  const want = fusedLoss(
    { ...logits, ...boxes, gtPolygons },
    { maskSize: [side, side], box: { deltaWeights: [1, 1, 1, 1] } },
  );
  assert.is(box.dataSync()[0], Math.fround(want.losses.box));
  assert.is(masks.dataSync()[0], Math.fround(want.losses.mask));
});

onBackends(test, 'errors name the input', () => {
  const refused = (own: object, code: string, words: string) =>
    assert.throws(
      () => differentiate(own, {}),
      (error: unknown) => isRoiLossError(error) && error.code === code && error.message.includes(words),
    );
  refused({ gtMasks: bits('bool').slice(1) }, 'ERR_ROI_LOSS_SHAPE', 'gtMasks has the shape [2, 30, 40]');
  refused({ gtPolygons: [1] }, 'ERR_ROI_LOSS_TYPE', 'gtPolygons is [1]');
  const flat = { ...polygons(), points: tf.zeros([3]) };
  refused({ gtPolygons: flat }, 'ERR_ROI_LOSS_SHAPE', 'gtPolygons.points has the shape [3]');
});

test.run();
