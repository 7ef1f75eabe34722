import type { HostMaskOptions, HostOptions, LossInputs } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf, random } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';
import {
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  onCuda,
  unlessSimulated,
} from '../support/device';
import { throws } from '../support/throws';

// The caller's arrays for gradients: whole after every call, whatever they held before the first.

const test = suite('out');

const rois = 9;
const options = { classes: 5, maskSize: [7, 6] as const };
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;
type Full = { readonly [K in keyof LossInputs]-?: NonNullable<LossInputs[K]> };
type Options = HostOptions & HostMaskOptions & { readonly classes: number };

/** Arrays for all gradients, full of what nobody wants. */
const arraysFor = (inputs: LossInputs, { maskGrad }: Options) => {
  const dirty = (length: number) => new Float32Array(length).fill(7);
  return {
    classLogits: dirty(inputs.classLogits!.length),
    boxDeltas: dirty(inputs.boxDeltas!.length),
    maskLogits: dirty((maskGrad === 'compact' ? inputs.maskTargets! : inputs.maskLogits!).length),
  };
};

function assertStep(inputs: LossInputs, out: ReturnType<typeof arraysFor>, own: Options): void {
  const expected = referenceLoss(inputs, own);
  const { losses, grads } = fusedLoss(inputs, { ...own, out });
  assertLosses(losses, expected.losses);
  for (const name of names) {
    assert.is(grads[name], out[name]);
    assertClose(out[name], expected.grads[name] as Float64Array, name);
  }
}

for (const maskGrad of ['dense', 'compact'] as const)
  for (const layout of ['nchw', 'nhwc'] as const)
    for (const channels of [5, 4, 1])
      test(`labels change: ${maskGrad}, ${layout}, ${channels} channels`, () => {
        const sizes = { rois, ...options, boxChannels: channels, maskChannels: channels };
        const own = { ...options, maskGrad, layout };
        const out = arraysFor(inputsOf(0, sizes), own);
        for (let seed = 0; seed < 5; seed++) assertStep(inputsOf(seed, sizes), out, own);
      });

test('functions of one term', () => {
  const inputs = inputsOf(3, { rois, ...options }) as Full;
  const { grads } = referenceLoss(inputs, options);
  const { labels, classLogits, boxDeltas, boxTargets, maskLogits, maskTargets } = inputs;
  const out = arraysFor(inputs, options);
  const ofClass = fusedClassLoss({ classLogits, labels }, { out: out.classLogits });
  const ofBoxes = fusedBoxLoss({ boxDeltas, boxTargets, labels }, { classes: 5, out: out.boxDeltas });
  const ofMasks = fusedMaskLoss({ maskLogits, maskTargets, labels }, { ...options, out: out.maskLogits });
  assert.is(ofClass.grad, out.classLogits);
  assert.is(ofBoxes.grad, out.boxDeltas);
  assert.is(ofMasks.grad, out.maskLogits);
  for (const name of names) assertClose(out[name], grads[name] as Float64Array, name);
});

test('gradients that no array is given for are new; those of one call may be the arrays of the next', () => {
  const first = inputsOf(1, { rois, ...options });
  const maskLogits = new Float32Array(first.maskLogits!.length);
  const { grads } = fusedLoss(first, { ...options, out: { maskLogits } });
  assert.is(grads.maskLogits, maskLogits);
  const out = grads as ReturnType<typeof arraysFor>;
  for (let seed = 2; seed < 4; seed++) assertStep(inputsOf(seed, { rois, ...options }), out, options);
});

test('an array whose last call was of another shape, layout, term or view is whole again', () => {
  const memory = new Float32Array(rois * 5 * 42 + 8).fill(7);
  const next = random(5);
  for (let i = 0; i < unlessSimulated(60, 12); i++) {
    const offset = 4 * Math.floor(next() * 3);
    const layout = next() < 0.5 ? 'nchw' : 'nhwc';
    const own = {
      ...options,
      maskSize: next() < 0.5 ? ([7, 6] as const) : ([3, 14] as const),
      layout,
    } as const;
    const inputs = inputsOf(i, { rois, ...own });
    const { grads } = referenceLoss(inputs, own);
    const { labels, classLogits, boxDeltas, boxTargets, maskLogits, maskTargets } = inputs as Full;
    const view = (length: number) => memory.subarray(offset, offset + length);
    const sort = Math.floor(next() * 4);
    if (sort === 0) {
      const out = view(classLogits.length);
      fusedClassLoss({ classLogits, labels }, { classes: 5, out });
      assertClose(out, grads.classLogits as Float64Array, 'classLogits');
    } else if (sort === 1) {
      const out = view(boxDeltas.length);
      fusedBoxLoss({ boxDeltas, boxTargets, labels }, { classes: 5, out });
      assertClose(out, grads.boxDeltas as Float64Array, 'boxDeltas');
    } else {
      const out = view(maskLogits.length);
      fusedMaskLoss({ maskLogits, maskTargets, labels }, { ...own, out });
      assertClose(out, grads.maskLogits as Float64Array, 'maskLogits');
    }
  }
});

test('a call that fails leaves an array that the next one makes whole', async () => {
  const inputs = inputsOf(1, { rois, ...options });
  const out = arraysFor(inputs, options);
  assertStep(inputs, out, options);
  const labels = new Int32Array(rois).fill(99);
  await throws(
    () => fusedLoss({ ...inputs, labels }, { ...options, out }),
    RangeError,
    'ERR_ROI_LOSS_LABEL',
    'labels[0]',
  );
  const maskTargets = new Float32Array(inputs.maskTargets!.length).fill(255);
  await throws(
    () => fusedLoss({ ...inputs, maskTargets }, { ...options, out }),
    RangeError,
    'ERR_ROI_LOSS_VALUE',
    'maskTargets',
  );
  assertStep(inputsOf(2, { rois, ...options }), out, options);
});

test('the next call clears what the last one wrote and no more', () => {
  if (onCuda) return; // a GPU's gradients come back whole
  const inputs = inputsOf(1, { rois, ...options });
  const out = arraysFor(inputs, options);
  assertStep(inputs, out, options);
  // Of a background RoI nothing is written: the rule broken, to see that nobody looks.
  const labels = new Int32Array(rois);
  fusedLoss({ ...inputs, labels }, { ...options, out });
  out.maskLogits[100] = 7;
  out.boxDeltas[10] = 7;
  fusedLoss({ ...inputs, labels }, { ...options, out });
  assert.is(
    out.maskLogits.findIndex((g) => g !== 0),
    100,
  );
  assert.is(
    out.boxDeltas.findIndex((g) => g !== 0),
    10,
  );
  out.maskLogits.fill(0);
  out.boxDeltas.fill(0);
  assertStep(inputsOf(2, { rois, ...options }), out, options);
});

test('errors', async () => {
  const inputs = inputsOf(1, { rois, ...options }) as Full;
  const call =
    (out: unknown, more: object = {}) =>
    () =>
      fusedLoss(inputs, { ...options, ...more, out } as Options);
  const floats = (length: number) => new Float32Array(length);
  const { maskLogits } = inputs;
  const detached = floats(45);
  structuredClone(detached, { transfer: [detached.buffer] });
  const cases: [unknown, object, typeof TypeError | typeof RangeError, string, ...string[]][] = [
    [floats(3), {}, TypeError, 'ERR_ROI_LOSS_TYPE', 'out', 'a Float32Array', 'maskLogits'],
    [{ masks: floats(3) }, {}, TypeError, 'ERR_ROI_LOSS_OPTION', "gradient in out 'masks'", 'maskLogits'],
    [{ classLogits: [1] }, {}, TypeError, 'ERR_ROI_LOSS_TYPE', 'out.classLogits', 'a Float32Array'],
    [{ classLogits: new Uint8Array(45) }, {}, TypeError, 'ERR_ROI_LOSS_DTYPE', 'out.classLogits'],
    [
      { classLogits: floats(44) },
      {},
      RangeError,
      'ERR_ROI_LOSS_SHAPE',
      'out.classLogits has 44',
      '45',
      '[9, 5]',
    ],
    [
      { classProbs: floats(45) },
      {},
      TypeError,
      'ERR_ROI_LOSS_OPTION',
      'out.classProbs',
      'no gradient of classProbs',
    ],
    [
      { classLogits: floats(45) },
      { grad: false },
      TypeError,
      'ERR_ROI_LOSS_OPTION',
      'no gradient of classLogits',
    ],
    [{ classLogits: detached }, {}, TypeError, 'ERR_ROI_LOSS_BUFFER', 'out.classLogits', 'detached'],
    [{ maskLogits }, {}, TypeError, 'ERR_ROI_LOSS_BUFFER', 'out.maskLogits shares memory with maskLogits'],
  ];
  for (const [out, more, type, code, ...words] of cases) await throws(call(out, more), type, code, ...words);

  const memory = floats(rois * 25);
  const shared = { classLogits: memory.subarray(0, 45), boxDeltas: memory.subarray(44, 44 + 180) };
  await throws(
    call(shared),
    TypeError,
    'ERR_ROI_LOSS_BUFFER',
    'out.boxDeltas shares memory with out.classLogits',
  );
  const { labels, classLogits } = inputs;
  const classWeights = memory.subarray(40, 45);
  await throws(
    () => fusedClassLoss({ classLogits, labels }, { classWeights, out: memory.subarray(0, 45) }),
    TypeError,
    'ERR_ROI_LOSS_BUFFER',
    'out shares memory with classWeights',
  );
});

test.run();
