import * as fc from 'fast-check';
import type { MaskKind, MaskMixture, Reduction } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { type AllInputs, floats, inputsOf, random } from '../../lib/reference/random';
import { assertClose, assertLoss, assertLosses, assertSame } from '../support/close';
import { fusedBoxLoss, fusedLoss, fusedMaskLoss, onCuda, unlessSimulated } from '../support/device';
import { maskKinds, maskLosses, maskOptionsOf } from '../support/kinds';

const seed = Number(process.env.ROI_LOSS_SEED ?? 20260101);
console.log(`seed ${seed} (ROI_LOSS_SEED)`);

/** Some small shape. */
const anyProblem = fc
  .record({
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    rois: fc.integer({ min: 1, max: 12 }),
    classes: fc.integer({ min: 2, max: 30 }),
    height: fc.integer({ min: 1, max: 20 }),
    width: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ seed, rois, classes, height, width }) => {
    const maskSize = [height, width] as const;
    return { seed, rois, options: { classes, maskSize } };
  });

/** Inputs of all terms in it. */
const problem = anyProblem.map(({ seed, rois, options }) => ({
  inputs: inputsOf(seed, { rois, ...options }),
  rois,
  options,
}));

const kind = fc.constantFrom(...maskLosses);
const reduction = fc.constantFrom<Reduction>('mean', 'sum', 'none');

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void) =>
  fc.assert(fc.property(arbitrary, property), { seed, numRuns: unlessSimulated(60, 15) });

const test = suite('properties');

/** Row r of the result is row order[r] of the argument. */
function permuteRows<T extends Float32Array | Int32Array>(array: T, order: readonly number[]): T {
  const size = array.length / order.length;
  const result = array.slice() as T;
  order.forEach((from, to) => {
    result.set(array.subarray(from * size, (from + 1) * size), to * size);
  });
  return result;
}

test('permuting RoIs permutes gradients', () =>
  check(
    fc.tuple(problem, kind, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }))),
    ([p, kind, keys]) => {
      const keyed = Array.from({ length: p.rois }, (_, r) => ({ r, key: keys.next().value as number }));
      const order = keyed.sort((a, b) => a.key - b.key).map(({ r }) => r);
      const names = [
        'classLogits',
        'boxDeltas',
        'boxTargets',
        'maskLogits',
        'maskTargets',
        'labels',
      ] as const;
      const permuted = Object.fromEntries(
        names.map((name) => [name, permuteRows(p.inputs[name], order)]),
      ) as unknown as AllInputs;
      const before = fusedLoss(p.inputs, { ...p.options, mask: { kind } });
      const after = fusedLoss(permuted, { ...p.options, mask: { kind } });
      assertLosses(after.losses, before.losses);
      for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
        assertSame(after.grads[name], permuteRows(before.grads[name], order), name);
    },
  ));

test('doubling the weight doubles loss and gradient', () =>
  check(fc.tuple(problem, kind, reduction), ([p, kind, reduction]) => {
    const options = { ...p.options, reduction, mask: { kind } };
    const once = fusedLoss(p.inputs, options);
    const twice = fusedLoss(p.inputs, { ...options, weight: 2 });
    for (const term of ['class', 'box', 'mask', 'total'] as const)
      assert.is(twice.losses[term], 2 * once.losses[term], term);
    for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
      assertSame(
        twice.grads[name],
        once.grads[name].map((g) => 2 * g),
        name,
      );
  }));

test('smoothing 0 is bce', () =>
  check(problem, ({ inputs: { maskLogits, maskTargets, labels }, options }) => {
    const inputs = { maskLogits, maskTargets, labels };
    const smoothed = fusedMaskLoss(inputs, { ...options, kind: 'smoothed-bce', smoothing: 0 });
    const bce = fusedMaskLoss(inputs, { ...options, kind: 'bce' });
    assert.is(smoothed.loss, bce.loss);
    assertSame(smoothed.grad, bce.grad, 'grad');
  }));

test('smoothing is bce against a soft target', () =>
  check(problem, ({ inputs: { maskLogits, maskTargets, labels }, options }) => {
    const soft = maskTargets.map((y) => y * 0.9 + 0.05);
    const smoothed = fusedMaskLoss(
      { maskLogits, maskTargets, labels },
      { ...options, kind: 'smoothed-bce', smoothing: 0.1 },
    );
    const bce = fusedMaskLoss({ maskLogits, maskTargets: soft, labels }, options);
    assertLoss(smoothed.loss, bce.loss, 'loss', 2e-6);
    assertClose(smoothed.grad, bce.grad);
  }));

test('beta towards 0 is L1', () =>
  check(problem, ({ inputs: { boxDeltas, boxTargets, labels }, options: { classes } }) => {
    const inputs = { boxDeltas, boxTargets, labels };
    const small = fusedBoxLoss(inputs, { classes, beta: 1e-7 });
    const l1 = fusedBoxLoss(inputs, { classes, beta: 0 });
    assert.ok(Math.abs(small.loss - l1.loss) < 1e-6);
    assertClose(small.grad, l1.grad);
  }));

test('padding with ignored RoIs changes nothing', () =>
  check(fc.tuple(problem, kind, fc.integer({ min: 1, max: 9 })), ([p, kind, more]) => {
    const pad = <T extends Float32Array | Int32Array>(array: T, fill: number): T => {
      const rows = array.length / p.rois;
      const padded = new (array.constructor as new (n: number) => T)(array.length + rows * more).fill(
        fill,
      ) as T;
      padded.set(array);
      return padded;
    };
    const { labels, ...rest } = p.inputs;
    const padded = Object.fromEntries(
      Object.entries(rest).map(([name, array]) => [name, pad(array, Number.NaN)]),
    );
    const before = fusedLoss(p.inputs, { ...p.options, mask: { kind } });
    const after = fusedLoss(
      { ...(padded as unknown as AllInputs), labels: pad(labels, -1) },
      { ...p.options, mask: { kind } },
    );
    assert.equal(after.losses.class, before.losses.class);
    assert.equal(after.losses.box, before.losses.box);
    for (const name of ['classLogits', 'boxDeltas'] as const)
      assertSame(after.grads[name], pad(before.grads[name], 0), name);
    const maskGrad = pad(before.grads.maskLogits, 0);
    if (onCuda) {
      // Few RoIs get more warps each: the last bits of a mask's sums depend on how many there are (docs/kernels.md).
      assertLoss(after.losses.mask, before.losses.mask);
      assertClose(after.grads.maskLogits, maskGrad);
    } else {
      assert.equal(after.losses.mask, before.losses.mask);
      assertSame(after.grads.maskLogits, maskGrad, 'maskLogits');
    }
  }));

test('a mixture is the weighted sum of its kinds', () =>
  check(
    fc.tuple(problem, fc.tuple(...maskKinds.map(() => fc.double({ min: 0.01, max: 2, noNaN: true })))),
    ([
      {
        inputs: { maskLogits, maskTargets, labels },
        options,
      },
      weights,
    ]) => {
      const inputs = { maskLogits, maskTargets, labels };
      const of = (kind: MaskKind | MaskMixture) => fusedMaskLoss(inputs, { ...options, kind });
      const mixed = of(Object.fromEntries(maskKinds.map((name, k) => [name, weights[k]])));
      const alone = maskKinds.map((name, k) => ({ weight: weights[k] as number, ...of(name) }));
      const loss = alone.reduce((sum, { weight, loss }) => sum + weight * loss, 0);
      assertLoss(mixed.loss, loss, 'loss', 2e-6);
      const sum = mixed.grad.map((_, i) =>
        alone.reduce((sum, { weight, grad }) => sum + weight * (grad[i] as number), 0),
      );
      assertClose(mixed.grad, sum, 'grad', 2e-6);
    },
  ));

test('forward only gives the same losses', () =>
  check(fc.tuple(problem, kind, reduction), ([p, kind, reduction]) => {
    const options = { ...p.options, reduction, mask: { kind } };
    const forward = fusedLoss(p.inputs, { ...options, grad: false });
    assert.equal(forward.losses, fusedLoss(p.inputs, options).losses);
    assert.equal(forward.grads, {});
  }));

test('channels last gives what the transposed masks give, on the CPU the same bits', () =>
  check(fc.tuple(problem, kind), ([{ inputs, rois, options }, kind]) => {
    const { maskLogits, maskTargets, labels } = inputs;
    const [height, width] = options.maskSize;
    const nchw = fusedMaskLoss({ maskLogits, maskTargets, labels }, { ...options, kind });
    const nhwc = fusedMaskLoss(
      { maskLogits: channelsLast(maskLogits, rois, height * width), maskTargets, labels },
      { ...options, kind, layout: 'nhwc' },
    );
    const grad = channelsLast(nchw.grad, rois, height * width);
    if (onCuda) {
      // There a thread adds up other pixels: four neighbours of a row, or single ones.
      assertLoss(nhwc.loss, nchw.loss);
      assertClose(nhwc.grad, grad);
    } else {
      assert.is(nhwc.loss, nchw.loss);
      assertSame(nhwc.grad, grad, 'grad');
    }
  }));

/** [P, C, pixels] as [P, pixels, C]. */
function channelsLast(array: Float32Array, rois: number, pixels: number): Float32Array {
  const channels = array.length / (rois * pixels);
  const result = new Float32Array(array.length);
  array.forEach((x, i) => {
    const [p, c, pixel] = [
      Math.floor(i / (channels * pixels)),
      Math.floor(i / pixels) % channels,
      i % pixels,
    ];
    result[(p * pixels + pixel) * channels + c] = x;
  });
  return result;
}

const from = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** A choice of every option, but for those whose arrays are as long as the RoIs or classes are many. */
const anyOptions = fc.record({
  reduction,
  weight: from(0.1, 10),
  gradScale: from(0.1, 1e4),
  layout: fc.constantFrom('nchw', 'nhwc'),
  maskGrad: fc.constantFrom('dense', 'compact'),
  normalizer: fc.option(from(0.5, 1e3), { nil: undefined }),
  class: fc.record({ labelSmoothing: fc.constantFrom(0, 0.1, 0.5) }),
  box: fc.record({ beta: fc.constantFrom(0, 1 / 9, 1, 3) }),
  mask: fc.record({ kind, smoothing: from(0, 0.5), eps: fc.constantFrom(1e-6, 1e-3, 1) }).map(maskOptionsOf),
});

/** How the inputs are given. */
const anyForm = fc.record({
  bytes: fc.boolean(),
  probabilities: fc.boolean(),
  classWeights: fc.boolean(),
  upstream: fc.boolean(),
  boxChannels: fc.constantFrom('all', 'foreground', 'one'),
  maskChannels: fc.constantFrom('all', 'foreground', 'one'),
  /** Elements that an array lies into its buffer. */
  offset: fc.nat(3),
});

test('the reference agrees, whatever the options and the form of the inputs', () =>
  check(fc.tuple(anyProblem, anyOptions, anyForm), ([{ seed, rois, options }, given, form]) => {
    const { classes } = options;
    const channels = (of: 'all' | 'foreground' | 'one') =>
      ({ all: classes, foreground: classes - 1, one: 1 })[of];
    const next = random(seed);
    const positive = (n: number) => Float32Array.from({ length: n }, () => 0.1 + next());
    const { classLogits, maskTargets, ...rest } = inputsOf(seed, {
      rois,
      ...options,
      boxChannels: channels(form.boxChannels),
      maskChannels: channels(form.maskChannels),
    });
    const inside = (array: Float32Array) => {
      const room = new Float32Array(form.offset + array.length + 1).fill(Number.NaN);
      room.set(array, form.offset);
      return room.subarray(form.offset, form.offset + array.length);
    };
    const inputs = {
      ...rest,
      maskLogits: inside(rest.maskLogits),
      boxDeltas: inside(rest.boxDeltas),
      ...(form.probabilities
        ? { classProbs: inside(classLogits.map((z) => Math.abs(z) / 4)) }
        : { classLogits: inside(classLogits) }),
      maskTargets: form.bytes ? Uint8Array.from(maskTargets, (y) => (y < 0.5 ? 0 : 3)) : inside(maskTargets),
    };
    const all = {
      ...options,
      ...given,
      // A label of weight 0 leaves a loss that is the small difference of large numbers; see the suite of numbers.
      class: { ...given.class, ...(form.classWeights && { classWeights: positive(classes) }) },
      ...(form.upstream && given.reduction === 'none' && { backward: floats(next, rois) }),
    } as const;
    const expected = referenceLoss(inputs, all);
    const actual = fusedLoss(inputs, all);
    assertLosses(actual.losses, expected.losses);
    for (const [name, grad] of Object.entries(actual.grads)) assertClose(grad, expected.grads[name], name);
    for (const [term, perRoi] of Object.entries(actual.perRoi ?? {}))
      for (const [r, loss] of perRoi.entries())
        assertLoss(loss, expected.perRoi[term]?.[r] as number, `perRoi.${term}[${r}]`);
  }));

test.run();
