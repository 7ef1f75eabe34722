import * as fc from 'fast-check';
import { fusedLoss, type LossInputs } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cropMask, encodeBox, type ObjectMask, roiAlign } from '../../lib/reference/crops';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { assertSame } from '../support/close';

// Random objects and RoIs, of any shape: targets are the reference's, and the step is that with these targets given.

const test = suite('targets, random');

const problem = fc.record({
  seed: fc.nat(),
  rois: fc.integer({ min: 0, max: 6 }),
  objects: fc.integer({ min: 1, max: 4 }),
  classes: fc.integer({ min: 2, max: 4 }),
  imageSize: fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 40 })),
  maskSize: fc.tuple(fc.integer({ min: 1, max: 19 }), fc.integer({ min: 1, max: 19 })),
  source: fc.constantFrom('detectron2', 'torchvision', 'polygons'),
  layout: fc.constantFrom('nchw', 'nhwc'),
  kind: fc.constantFrom('bce', 'dice', 'smoothed-bce'),
  /** Pixels that are not 0, of 256; 0: the scene's ellipses. */
  noise: fc.constantFrom(0, 1, 128, 256),
  /** The sides of boxes that have nothing to do with an object; 0: the scene's. */
  sides: fc.constantFrom(0, 0, 0.5, 5, 100, 1e4, 1e9),
});

type Random = typeof problem extends fc.Arbitrary<infer T> ? T : never;

function make({ seed, rois, objects, classes, imageSize, maskSize, noise, sides }: Random) {
  const { boxTargets: _, maskTargets: __, ...logits } = inputsOf(seed, { rois, classes, maskSize });
  const scene = sceneOf(seed, { rois, objects, imageSize });
  const next = random(seed + 1);
  const gtMasks = noise ? scene.gtMasks.map(() => Number(next() * 256 < noise)) : scene.gtMasks;
  const corners = floats(next, rois * 4, sides);
  const proposals = sides
    ? corners.map((x, i) => (i % 4 < 2 ? x : Math.max(x, corners[i - 2] as number)))
    : scene.proposals;
  return { logits, scene: { ...scene, gtMasks, proposals } };
}

/** The rings of an object. */
function ringsOf({ points, rings, objects }: ReturnType<typeof sceneOf>['gtPolygons'], g: number) {
  const [from, to] = [objects[g] as number, objects[g + 1] as number];
  return Array.from({ length: to - from }, (_, i) =>
    points.subarray(2 * (rings[from + i] as number), 2 * (rings[from + i + 1] as number)),
  );
}

/** Fails unless a RoI's target is the reference's, but for pixels whose mean is within 1e-6 of one half. */
function checkTarget(got: Float32Array, { source, maskSize }: Random, mask: ObjectMask, box: Float32Array) {
  if ('rings' in mask) return assert.equal(Float64Array.from(got), cropMask(mask, box, maskSize));
  const isSoft = source === 'torchvision';
  const means = roiAlign(mask.bits, mask.size, box, maskSize, !isSoft);
  const wrong = means.findIndex((mean, i) =>
    isSoft
      ? Math.abs((got[i] as number) - mean) > 1e-6
      : Math.abs(mean - 0.5) > 1e-6 && got[i] !== Number(mean >= 0.5),
  );
  assert.is(wrong, -1, `pixel ${wrong} is ${got[wrong]}; expected ${means[wrong]}`);
}

test('over a thousand problems', () => {
  fc.assert(
    fc.property(problem, (given) => {
      const { logits, scene } = make(given);
      const { gtMasks, gtPolygons, ...boxes } = scene;
      const { maskSize, imageSize, layout, kind, source } = given;
      const isPolygons = source === 'polygons';
      const shared = { maskSize, layout, classes: given.classes };
      const { targets, losses, grads } = fusedLoss(
        { ...logits, ...boxes, ...(isPolygons ? { gtPolygons } : { gtMasks }) },
        { ...shared, imageSize, targets: true, mask: { kind, ...(isPolygons ? {} : { crop: source }) } },
      );
      const same = fusedLoss({ ...logits, ...(targets as LossInputs) }, { ...shared, mask: { kind } });
      assert.equal(losses, same.losses);
      assertSame(grads.boxDeltas, (same.grads as typeof grads).boxDeltas, 'boxDeltas');
      assertSame(grads.maskLogits, (same.grads as typeof grads).maskLogits, 'maskLogits');
      const pixels = maskSize[0] * maskSize[1];
      for (const [r, label] of logits.labels.entries()) {
        if (label < 1) continue;
        const g = boxes.matches[r] as number;
        const area = imageSize[0] * imageSize[1];
        const bits = gtMasks.subarray(g * area, (g + 1) * area);
        const mask = isPolygons ? { rings: ringsOf(gtPolygons, g) } : { bits, size: imageSize };
        const box = boxes.proposals.subarray(r * 4, r * 4 + 4);
        const target = targets?.maskTargets?.subarray(r * pixels, (r + 1) * pixels) as Float32Array;
        // The reference walks along polygons and over all samples of a bin.
        if (given.sides < 1e4) checkTarget(target, given, mask, box);
        const object = boxes.gtBoxes.subarray(g * 4, g * 4 + 4);
        // Differences of float32 coordinates, over the sides of the proposal.
        const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
        const least = Math.min(x2 - x1, y2 - y1);
        const slack = (40 * 2 ** -23 * Math.max(...box.map(Math.abs), ...object)) / least;
        for (const [i, delta] of encodeBox(box, object).entries()) {
          const off = Math.abs((targets?.boxTargets?.[r * 4 + i] as number) - delta);
          if (least > 0) assert.ok(off <= slack + 1e-6 * Math.abs(delta), `delta ${i} is off by ${off}`);
        }
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test.run();
