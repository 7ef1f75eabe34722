import { suite } from 'uvu';
import { type ReferenceOptions, referenceLoss } from '../../lib/reference';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';
import { fusedLoss, unlessSimulated } from '../support/device';
import { maskLosses } from '../support/kinds';

// The package against the float64 reference, over options, shapes and element types.

const seed = Number(process.env.ROI_LOSS_SEED ?? 1);
console.log(`seed ${seed} (ROI_LOSS_SEED)`);

function compare(inputs: object, options: ReferenceOptions): void {
  const expected = referenceLoss(inputs, options);
  const actual = fusedLoss(inputs, options);
  assertLosses(actual.losses, expected.losses);
  for (const [name, grad] of Object.entries(actual.grads))
    assertClose(grad as Float32Array, expected.grads[name], name);
  for (const [term, perRoi] of Object.entries(actual.perRoi ?? {}))
    assertClose(perRoi, expected.perRoi[term], `perRoi.${term}`);
}

const test = suite('against the reference');

const sizes = { rois: 13, classes: 5, maskSize: [9, 7] as const };
const base = { classes: 5, maskSize: [9, 7] as const };
const classWeights = Float32Array.of(0.5, 0, 2, 1, 3);

const cases: { [name: string]: Partial<ReferenceOptions> } = {
  mean: {},
  sum: { reduction: 'sum' },
  none: { reduction: 'none' },
  normalizer: { normalizer: 777 },
  'weight and gradScale': { weight: 0.3, gradScale: 1024 },
  'a weight of 0': { mask: { weight: 0 } },
  'a scalar upstream gradient': { backward: -2.5 },
  'upstream gradients by RoI': { reduction: 'none', backward: floats(random(3), 13) },
  'class weights': { class: { classWeights } },
  'label smoothing': { class: { labelSmoothing: 0.2 } },
  'label smoothing of 1': { class: { labelSmoothing: 1 } },
  'class weights and label smoothing': { class: { classWeights, labelSmoothing: 0.1 } },
  L1: { box: { beta: 0 } },
  'a small beta': { box: { beta: 1 / 9 } },
  dice: { mask: { kind: 'dice' } },
  'dice with a large eps': { mask: { kind: 'dice', eps: 1 } },
  'smoothed bce': { mask: { kind: 'smoothed-bce', smoothing: 0.3 } },
  'a mixture of all': { mask: { kind: { bce: 0.2, dice: 1.5, 'smoothed-bce': 0.7 }, smoothing: 0.2 } },
  'a mixture without dice': { mask: { kind: { bce: 1, 'smoothed-bce': 2 } } },
  'a mixture for the noisy-mask study': { mask: { kind: { dice: 0.5, 'smoothed-bce': 0.5 }, weight: 0.3 } },
  'options of a term over those at the top': {
    weight: 2,
    box: { weight: 0.5, reduction: 'sum' },
    reduction: 'mean',
  },
  'compact mask gradient': { maskGrad: 'compact' },
  'channels last': { layout: 'nhwc' },
  'channels last, compact, dice': { layout: 'nhwc', maskGrad: 'compact', mask: { kind: 'dice' } },
};

for (const [name, options] of Object.entries(cases))
  test(name, () => compare(inputsOf(seed, sizes), { ...base, ...options }));

for (const [name, channels] of [
  ['foreground classes alone', 4],
  ['class-agnostic', 1],
] as const)
  for (const layout of ['nchw', 'nhwc'] as const)
    test(`${name}, ${layout}`, () =>
      compare(inputsOf(seed, { ...sizes, boxChannels: channels, maskChannels: channels }), {
        ...base,
        layout,
      }));

test('probabilities', () => {
  const { classLogits, labels } = inputsOf(seed, sizes);
  const classProbs = classLogits.map((z) => Math.abs(z) / 10);
  classProbs[3] = 0;
  for (const options of [
    {},
    { class: { labelSmoothing: 0.1, classWeights } },
    { class: { eps: 0.01 }, reduction: 'sum' },
  ] as const)
    compare({ classProbs, labels }, { ...base, ...options });
});

test('masks of their own RoIs, bytes for targets', () => {
  const { classLogits, boxDeltas, boxTargets, labels } = inputsOf(seed, sizes);
  const masks = inputsOf(seed + 1, { ...sizes, rois: 6, leastLabel: 1 });
  const maskTargets = Uint8Array.from(masks.maskTargets, (y) => (y < 0.5 ? 0 : 255));
  const { maskLogits, labels: maskLabels } = masks;
  compare({ classLogits, boxDeltas, boxTargets, labels, maskLogits, maskTargets, maskLabels }, base);
  compare({ maskLogits, maskTargets, maskLabels }, { ...base, mask: { kind: 'dice' } });
});

test('any shape', () => {
  const next = random(seed);
  const upTo = (n: number) => 1 + Math.floor(next() * n);
  for (let i = 0; i < unlessSimulated(60, 20); i++) {
    const classes = 2 + upTo(i % 10 === 0 ? 1300 : 40);
    const maskSize = [upTo(40), upTo(40)] as const;
    const inputs = inputsOf(seed + i, { rois: upTo(9), classes, maskSize, maskChannels: 1 });
    const kind = maskLosses[i % maskLosses.length];
    compare(inputs, { classes, maskSize, box: { beta: next() }, mask: { kind } });
  }
});

test('a mask larger than a tile', () =>
  compare(inputsOf(seed, { rois: 3, classes: 2, maskSize: [112, 113], leastLabel: 0 }), {
    classes: 2,
    maskSize: [112, 113],
    mask: { kind: { dice: 1, bce: 1 } },
  }));

test.run();
