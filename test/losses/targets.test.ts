import {
  fusedBoxLoss,
  fusedLoss,
  fusedMaskLoss,
  type LossInputs,
  type LossResult,
  openDevice,
} from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { type Scene, sceneOf } from '../../lib/reference/scenes';
import { assertSame } from '../support/close';
import { bitmapCrops, polygonCrops } from '../support/crops';

// Targets that a step makes from objects: the peers' numbers, and the same step as with these targets given.

const crops = ['detectron2', 'torchvision'] as const;
const labels = Int32Array.of(1);
const matches = Int32Array.of(0);

/** One RoI of a class in `box`; its mask target from its object. */
function maskTarget(inputs: object, box: Float32Array, out: readonly [number, number], options: object) {
  const maskLogits = new Float32Array(out[0] * out[1]);
  const { targets } = fusedMaskLoss(
    { maskLogits, labels, proposals: box, matches, ...inputs },
    { classes: 2, maskSize: out, targets: true, ...options },
  );
  return targets?.maskTargets as Float32Array;
}

const test = suite('targets');

for (const crop of crops)
  test(`bitmaps: as ${crop}'s, over a thousand objects`, () => {
    for (const [index, { bits, size, box, out, aligned, soft }] of bitmapCrops().entries()) {
      const got = maskTarget({ gtMasks: bits }, box, out, { imageSize: size, crop });
      const wrong = got.findIndex((x, i) => {
        const mean = aligned[i] as number;
        return crop === 'torchvision'
          ? !(Math.abs(x - (soft[i] as number)) <= 1e-6 && x <= 1)
          : x !== Number(mean >= 0.5) && Math.abs(mean - 0.5) > 1e-6;
      });
      assert.is(wrong, -1, `object ${index}`);
    }
  });

test("polygons: each pixel as pycocotools', over a thousand objects", () => {
  for (const [index, { rings, box, out, bits }] of polygonCrops().entries()) {
    const offsets = [0];
    for (const ring of rings) offsets.push((offsets.at(-1) as number) + ring.length / 2);
    const gtPolygons = {
      points: Float32Array.from(rings.flatMap((ring) => [...ring])),
      rings: Int32Array.from(offsets),
      objects: Int32Array.of(0, rings.length),
    };
    assert.equal(Uint8Array.from(maskTarget({ gtPolygons }, box, out, {})), bits, `object ${index}`);
  }
});

test("boxes: deltas as torchvision's, and their weights", () => {
  let compared = 0;
  for (const [index, { box, object, deltas }] of bitmapCrops().entries()) {
    if (!deltas.every(Number.isFinite)) continue;
    compared++;
    const made = (options: object) =>
      fusedBoxLoss(
        { boxDeltas: new Float32Array(4), labels, proposals: box, matches, gtBoxes: object },
        { classes: 2, targets: true, ...options },
      ).targets?.boxTargets as Float32Array;
    const close = (got: number, want: number) => Math.abs(got - want) <= 1e-6 * Math.max(1, Math.abs(want));
    assert.ok(
      made({}).every((x, i) => close(x, deltas[i] as number)),
      `object ${index}`,
    );
    const doubled = made({ deltaWeights: [20, 5, 10, 1] });
    const factors = [2, 0.5, 2, 0.2];
    assert.ok(
      doubled.every((x, i) => close(x, (factors[i] as number) * (deltas[i] as number))),
      `object ${index}`,
    );
  }
  assert.ok(compared > 800);
});

const [rois, classes] = [40, 5];
const [maskSize, imageSize] = [[13, 9] as const, [60, 90] as const];
const { boxTargets: _, maskTargets: __, ...logits } = inputsOf(3, { rois, classes, maskSize });
const scene = sceneOf(4, { rois, objects: 7, imageSize });

/** What is read of foreground RoIs alone is garbage elsewhere. */
function withGarbage({ proposals, matches, ...objects }: Scene): Scene {
  const isForeground = (r: number) => (logits.labels[r] as number) >= 1;
  return {
    ...objects,
    proposals: proposals.map((x, i) => (isForeground(i >> 2) ? x : i % 2 ? Number.NaN : 1e30 - x)),
    matches: matches.map((g, r) => (isForeground(r) ? g : -5 - g)),
  };
}
const { gtMasks, gtPolygons, ...boxes } = withGarbage(scene);
const sources = {
  'bitmaps, detectron2': { inputs: { gtMasks }, mask: {} },
  'bitmaps, torchvision': { inputs: { gtMasks }, mask: { crop: 'torchvision' as const } },
  polygons: { inputs: { gtPolygons }, mask: { crop: 'detectron2' as const } },
};
const options = { classes, maskSize, imageSize };

/** Asserts that two steps have the same losses and gradients, to the bit. */
function assertSameStep(got: LossResult<unknown>, want: LossResult<unknown>, what: string) {
  assert.equal(got.losses, want.losses, what);
  for (const [name, grad] of Object.entries<Float32Array>(
    want.grads as object as { [name: string]: Float32Array },
  ))
    assertSame(
      (got.grads as { [name: string]: Float32Array })[name] as Float32Array,
      grad,
      `${what}: ${name}`,
    );
  assert.equal(got.perRoi, want.perRoi, what);
  assert.equal(got.metrics, want.metrics, what);
}

for (const [name, { inputs, mask }] of Object.entries(sources))
  for (const more of [{}, { layout: 'nhwc' }, { maskGrad: 'compact', reduction: 'none' }] as const)
    test(`${name}: the step is that with these targets, to the bit (${JSON.stringify(more)})`, () => {
      for (const kind of ['bce', { dice: 1, 'smoothed-bce': 0.5 }] as const) {
        const all = { ...options, ...more, metrics: true };
        const { targets, ...made } = fusedLoss(
          { ...logits, ...boxes, ...inputs },
          { ...all, targets: true, mask: { kind, ...mask }, box: { deltaWeights: [1, 2, 3, 4] } },
        );
        assert.ok(targets?.maskTargets?.some((y) => y > 0) && targets.maskTargets.some((y) => y === 0));
        const given = fusedLoss({ ...logits, ...(targets as LossInputs) }, { ...all, mask: { kind } });
        assertSameStep(made, given, name);
        const { targets: none, ...quiet } = fusedLoss(
          { ...logits, ...boxes, ...inputs },
          { ...all, mask: { kind, ...mask }, box: { deltaWeights: [1, 2, 3, 4] } },
        );
        assert.is(none, undefined);
        assertSameStep(quiet, made, `${name}, targets not asked for`);
      }
    });

test('targets of RoIs that are not foreground are zeros', () => {
  const { targets } = fusedLoss({ ...logits, ...boxes, gtMasks }, { ...options, targets: true });
  const pixels = maskSize[0] * maskSize[1];
  for (const [r, label] of logits.labels.entries()) {
    const [box, mask] = [
      targets?.boxTargets?.subarray(r * 4, r * 4 + 4),
      targets?.maskTargets?.subarray(r * pixels, (r + 1) * pixels),
    ];
    assert.is(
      box?.some((x) => x !== 0),
      label >= 1,
    );
    if (label < 1) assert.not(mask?.some((x) => x !== 0));
  }
});

test('the bits do not depend on the threads', () => {
  const run = (threads: number) => {
    using device = openDevice('cpu', { threads });
    return fusedLoss({ ...logits, ...boxes, gtMasks }, { ...options, device, targets: true });
  };
  const [one, three] = [run(1), run(3)];
  assertSameStep(one, three, 'threads');
  assert.equal(one.targets, three.targets);
});

test('masks of their own have proposals and matches of their own', () => {
  const foreground = [...logits.labels.keys()].filter((r) => (logits.labels[r] as number) >= 1);
  const rows = (array: Float32Array, n: number) =>
    Float32Array.from(foreground.flatMap((r) => [...array.subarray(r * n, r * n + n)]));
  const pixels = maskSize[0] * maskSize[1];
  const own = {
    maskLogits: rows(logits.maskLogits, classes * pixels),
    maskLabels: Int32Array.from(foreground, (r) => logits.labels[r] as number),
    maskProposals: rows(boxes.proposals, 4),
    maskMatches: Int32Array.from(foreground, (r) => boxes.matches[r] as number),
  };
  const whole = fusedMaskLoss({ ...logits, ...boxes, gtMasks }, { ...options, targets: true });
  const { maskLogits, maskLabels, maskProposals, maskMatches } = own;
  const apart = fusedMaskLoss(
    { maskLogits, maskLabels, maskProposals, maskMatches, gtMasks },
    { ...options, targets: true },
  );
  assert.is(apart.loss, whole.loss);
  assertSame(
    apart.targets?.maskTargets as Float32Array,
    rows(whole.targets?.maskTargets as Float32Array, pixels),
    'targets',
  );
  const both = fusedLoss({ ...logits, ...boxes, ...own, gtMasks }, options);
  assert.is(both.losses.mask, whole.loss);
});

test('a proposal outside of the image has a target of zeros, however far it is', () => {
  for (const [x, y, side] of [
    [200, 5, 10],
    [-30, 5, 10],
    [5, 1e9, 1e8],
    [1e30, 0, 1e30],
    [-3e38, -3e38, 1],
  ] as const)
    for (const crop of crops) {
      const box = Float32Array.of(x, y, x + side, y + side);
      const got = maskTarget({ gtMasks: new Uint8Array(600).fill(1) }, box, [4, 4], {
        imageSize: [20, 30],
        crop,
      });
      assert.not(
        got.some((y) => y !== 0),
        `${x}, ${y}`,
      );
      const points = Float32Array.of(0, 0, 9, 0, 9, 9);
      const gtPolygons = { points, rings: Int32Array.of(0, 3), objects: Int32Array.of(0, 1) };
      assert.not(
        maskTarget({ gtPolygons }, box, [4, 4], {}).some((y) => y !== 0),
        `${x}, ${y}`,
      );
    }
});

test('a box that dwarfs the image is cropped without ado', () => {
  const box = Float32Array.of(-1e30, -1e30, 1e30, 1e30);
  const got = maskTarget({ gtMasks: new Uint8Array(600).fill(1) }, box, [4, 4], { imageSize: [20, 30] });
  assert.ok(got.every((y) => y === 0));
});

test('no objects, and no foreground', () => {
  const { losses, targets } = fusedLoss(
    {
      ...logits,
      labels: logits.labels.map((u) => Math.min(u, 0)),
      ...{
        proposals: boxes.proposals,
        matches: boxes.matches,
        gtBoxes: new Float32Array(0),
        gtMasks: new Uint8Array(0),
      },
    },
    { ...options, targets: true },
  );
  assert.is(losses.box + losses.mask, 0);
  assert.not(targets?.maskTargets?.some((y) => y !== 0));
});

test.run();
