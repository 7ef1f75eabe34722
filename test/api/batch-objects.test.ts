import { type Batch, fusedLoss, type LossInputs, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { assertSame } from '../support/close';

// Batches that hold objects in place of targets: the same bits as the step on arrays.

const test = suite('batches of objects');

const imageSize = [50, 70] as const;
const crop = { crop: 'torchvision' as const };

/** Inputs of a step, small or long enough to be queued. */
function stepOf(rois: number, seed: number) {
  const sizes = { rois, classes: 4, maskSize: [9, 9] as const };
  const { boxTargets: _, maskTargets: __, ...logits } = inputsOf(seed, sizes);
  const { gtMasks, gtPolygons, ...boxes } = sceneOf(seed, { rois, objects: 5, imageSize });
  return { sizes, inputs: { ...logits, ...boxes }, gtMasks, gtPolygons };
}

async function assertSameAsArrays(batch: Batch, step: LossInputs, mask: object) {
  const want = fusedLoss(step, { maskSize: [9, 9], imageSize, mask }) as unknown as {
    losses: object;
    grads: { [name: string]: Float32Array };
  };
  assert.equal(await fusedLoss(batch, { mask }).losses(), want.losses);
  for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
    assertSame((await batch.grads[name].read()) as Float32Array, want.grads[name] as Float32Array, name);
}

for (const rois of [6, 200])
  for (const kind of ['bitmaps', 'polygons'] as const) {
    const isBitmaps = kind === 'bitmaps';
    const mask = isBitmaps ? crop : {};
    test(`${kind}, ${rois} RoIs, made by sizes`, async () => {
      using device = openDevice('cpu', { threads: 2 });
      const { sizes, gtPolygons } = stepOf(rois, 1);
      const objects = isBitmaps
        ? { imageSize }
        : { polygons: { points: gtPolygons.points.length / 2, rings: gtPolygons.rings.length - 1 } };
      using batch = device.batch({ ...sizes, objects: 5, ...objects });
      for (const seed of [1, 2]) {
        const { inputs, gtMasks, gtPolygons } = stepOf(rois, seed);
        const all = { ...inputs, ...(isBitmaps ? { gtMasks } : { gtPolygons }) };
        batch.write(all);
        await assertSameAsArrays(batch, all, mask);
      }
    });

    test(`${kind}, ${rois} RoIs, over tensors, captured`, async () => {
      using device = openDevice('cpu', { threads: 2 });
      const { inputs, gtMasks, gtPolygons } = stepOf(rois, 3);
      const own = isBitmaps ? { gtMasks } : { gtPolygons };
      const tensors = {
        classLogits: device.tensor(inputs.classLogits, [rois, 4]),
        boxDeltas: device.tensor(inputs.boxDeltas, [rois, 4, 4]),
        maskLogits: device.tensor(inputs.maskLogits, [rois, 4, 9, 9]),
        labels: device.tensor(inputs.labels, [rois]),
        proposals: device.tensor(inputs.proposals, [rois, 4]),
        matches: device.tensor(inputs.matches, [rois]),
        gtBoxes: device.tensor(inputs.gtBoxes, [5, 4]),
      };
      using batch = device.batch(
        isBitmaps
          ? { ...tensors, gtMasks: device.tensor(gtMasks, [5, ...imageSize]) }
          : {
              ...tensors,
              gtPolygons: {
                points: device.tensor(gtPolygons.points, [gtPolygons.points.length / 2, 2]),
                rings: device.tensor(gtPolygons.rings, [gtPolygons.rings.length]),
                objects: device.tensor(gtPolygons.objects, [6]),
              },
            },
      );
      await assertSameAsArrays(batch, { ...inputs, ...own }, mask);
      using graph = batch.capture(() => fusedLoss(batch, { mask }));
      const { losses } = fusedLoss({ ...inputs, ...own } as LossInputs, {
        maskSize: [9, 9],
        imageSize,
        mask,
      });
      assert.equal(await graph.launch().losses(), losses);
    });
  }

test('a batch of objects has no targets, and one of targets no objects', () => {
  using device = openDevice('cpu');
  using objects = device.batch({ rois: 2, classes: 3, objects: 1, imageSize });
  assert.is(objects.inputs.gtMasks.shape.join(), '1,50,70');
  assert.throws(() => objects.inputs.maskTargets, /no input maskTargets/);
  using targets = device.batch({ rois: 2, classes: 3 });
  assert.throws(() => targets.inputs.gtMasks, /no input gtMasks/);
});

test.run();
