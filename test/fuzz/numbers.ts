import * as fc from 'fast-check';
import {
  type Batch,
  type Device,
  type DType,
  type FloatType,
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  type GradName,
  type HostArray,
  type LossInputs,
  type RoiLossError,
  type Tensor,
} from 'roi-loss';
import * as assert from 'uvu/assert';
import type { Reference } from '../../lib/reference';
import { type BadValue, badValueOf } from '../../lib/reference/ranges';
import type { TermName } from '../../lib/terms';
import { halves } from '../support/half';
import { assertGrad, assertLoss, assertLossesOf, assertPerRoi, expectedOf } from './compare';
import { type Problem, problem } from './problems';

// Arrays and handles against the float64 reference: they agree, or a bad label or value is refused.

/** How a batch is made and used. */
const use = fc.record({
  way: fc.constantFrom('arrays', 'arrays of one term', 'sizes', 'tensors', 'borrowed tensors'),
  dtype: fc.constantFrom<FloatType>('float32', 'float16', 'bfloat16'),
  rewrite: fc.boolean(),
  sync: fc.boolean(),
  /** Elements that arrays and borrowed tensors lie into their memory. */
  offset: fc.nat(5),
});
type Use = typeof use extends fc.Arbitrary<infer T> ? T : never;

/** A problem, one before it that leaves its traces in the batch, and how both are put. */
export const numbersCase = fc.record({ before: problem, problem, use });
export type NumbersCase = typeof numbersCase extends fc.Arbitrary<infer T> ? T : never;

type OneTerm = (
  inputs: LossInputs,
  options: object,
) => { loss: number; grad?: Float32Array; perRoi?: Float32Array };
const one = { class: fusedClassLoss, box: fusedBoxLoss, mask: fusedMaskLoss } as unknown as {
  readonly [K in TermName]: OneTerm;
};

/** The same array somewhere in a larger buffer. */
function inside<T extends HostArray>(array: T, offset: number): T {
  const Type = array.constructor as new (length: number) => T;
  const room = new Type(offset + array.length + 1).fill(7) as T;
  room.set(array, offset);
  return room.subarray(offset, offset + array.length) as T;
}

const mapArrays = (inputs: LossInputs, map: (array: HostArray, name: string) => HostArray): LossInputs =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, array]) => [name, array && map(array as HostArray, name)]),
  );

/** The options of one term as a function of that term takes them. */
function optionsOfOne({ options }: Problem, term: TermName): object {
  const { class: ofClass, box, mask, layout, maskGrad, ...shared } = options;
  return { ...shared, ...{ class: ofClass, box, mask }[term], ...(term === 'mask' && { layout, maskGrad }) };
}

const termsOf = ({ inputs }: Problem): TermName[] => [
  ...(inputs.classLogits || inputs.classProbs ? ['class' as const] : []),
  ...(inputs.boxDeltas ? ['box' as const] : []),
  ...(inputs.maskLogits ? ['mask' as const] : []),
];

function arrays(device: Device, p: Problem, { offset }: Use, expected: Reference): void {
  const { classes, maskSize } = p;
  const inputs = mapArrays(p.inputs, (array) => inside(array, offset));
  const actual = fusedLoss(inputs, { ...p.options, classes, maskSize, device });
  assertLossesOf(p, actual.losses, expected);
  for (const [name, grad] of Object.entries(actual.grads))
    assertGrad(p, name as GradName, 'float32', grad, expected);
  for (const [term, perRoi] of Object.entries(actual.perRoi ?? {}))
    assertPerRoi(p, perRoi, expected.perRoi[term] as Float64Array, term as TermName);
}

function arraysOfOne(device: Device, p: Problem, expected: Reference): void {
  const { classes, maskSize, inputs } = p;
  for (const term of termsOf(p)) {
    const options = { ...optionsOfOne(p, term), classes, device, ...(term === 'mask' && { maskSize }) };
    const actual = one[term](inputs, options);
    assertLoss(p, term, actual.loss, expected.losses[term], `${term}.loss`);
    const names = {
      class: inputs.classLogits ? 'classLogits' : 'classProbs',
      box: 'boxDeltas',
      mask: 'maskLogits',
    };
    if (actual.grad) assertGrad(p, names[term] as GradName, 'float32', actual.grad, expected);
    if (actual.perRoi) assertPerRoi(p, actual.perRoi, expected.perRoi[term] as Float64Array, term);
  }
}

/** The problem with numbers that the element type has, and its arrays in that type. */
function inType(p: Problem, dtype: FloatType): { exact: Problem; arrays: LossInputs } {
  if (dtype === 'float32') return { exact: p, arrays: p.inputs };
  const { to, from } = halves[dtype];
  const isOf = (array: HostArray, name: string) => array instanceof Float32Array && name !== 'boxTargets';
  const exact = mapArrays(p.inputs, (array, name) =>
    isOf(array, name) ? array.map((x) => from(to(x))) : array,
  );
  const arrays = mapArrays(p.inputs, (array, name) =>
    isOf(array, name) ? Uint16Array.from(array, to) : array,
  );
  return { exact: { ...p, inputs: exact as Problem['inputs'] }, arrays };
}

/** A batch for problems of the shape of `p`, and the tensors that it lies over. */
function batchFor(device: Device, p: Problem, { way, dtype, rewrite, offset }: Use) {
  const { rois, classes, maskSize, inputs, options } = p;
  const { boxDeltas, maskLogits, maskTargets, maskLabels } = inputs;
  const { layout, maskGrad } = options;
  const [height, width] = maskSize;
  const masks = (maskLabels ?? inputs.labels)?.length ?? 0;
  const targetType: DType = maskTargets instanceof Uint8Array ? 'uint8' : dtype;
  const channelsOf = (array: { length: number } | undefined, n: number) =>
    array?.length ? array.length / n : classes;
  const [boxChannels, maskChannels] = [
    channelsOf(boxDeltas, rois * 4),
    channelsOf(maskLogits, masks * height * width),
  ];
  const common = { layout, maskGrad, rewrite };
  const own: Tensor[] = [];
  if (way === 'sizes') {
    const batch = device.batch({
      ...{ ...common, rois, classes, maskSize, terms: termsOf(p), dtype },
      ...{ probabilities: inputs.classProbs !== undefined, boxChannels, maskChannels },
      maskTargetType: targetType as FloatType | 'uint8',
      ...(maskLabels && { maskRois: masks }),
    });
    return { batch, own };
  }
  const maskShape =
    layout === 'nhwc' ? [masks, height, width, maskChannels] : [masks, maskChannels, height, width];
  const shapes: { readonly [name: string]: readonly [number[], DType] } = {
    classLogits: [[rois, classes], dtype],
    classProbs: [[rois, classes], dtype],
    boxDeltas: [[rois, boxChannels, 4], dtype],
    boxTargets: [[rois, 4], 'float32'],
    maskLogits: [maskShape, dtype],
    maskTargets: [[masks, height, width], targetType],
    labels: [[rois], 'int32'],
    maskLabels: [[masks], 'int32'],
  };
  const bytes = { float32: 4, int32: 4, float16: 2, bfloat16: 2, uint8: 1 };
  const hosts = {
    float32: Float32Array,
    int32: Int32Array,
    float16: Uint16Array,
    bfloat16: Uint16Array,
    uint8: Uint8Array,
  };
  const tensors = Object.keys(inputs).map((name) => {
    const [shape, type] = shapes[name] as (typeof shapes)[string];
    const length = shape.reduce((product, size) => product * size, 1);
    const into = way === 'tensors' ? 0 : offset;
    const tensor = device.tensor(
      new hosts[type](length + into),
      way === 'tensors' ? shape : [length + into],
      type,
    );
    own.push(tensor);
    if (way === 'tensors') return [name, tensor] as const;
    const inner = device.tensorAt(tensor.pointer + BigInt(into * bytes[type]), shape, type);
    own.push(inner);
    return [name, inner] as const;
  });
  return { batch: device.batch({ ...common, classes, ...Object.fromEntries(tensors) }), own };
}

async function step(batch: Batch, p: Problem, sync: boolean) {
  const { layout, maskGrad, ...options } = p.options;
  const running = fusedLoss(batch, options);
  const losses = sync ? running.lossesSync() : await running.losses();
  const terms = termsOf(p).filter((term) => (options[term]?.reduction ?? options.reduction) === 'none');
  return { losses, perRoi: terms.length > 0 ? await running.perRoi() : {} };
}

async function handles(device: Device, { before, problem: p, use }: NumbersCase): Promise<void> {
  const { exact, arrays } = inType(p, use.dtype);
  const expected = expectedOf(exact);
  const { batch, own } = batchFor(device, p, use);
  try {
    // Steps with other labels and options: what they leave in the gradients is to be cleared.
    for (const fill of [1, p.classes - 1]) {
      const labels = new Int32Array(p.rois).fill(Math.min(fill, p.classes - 1));
      batch.write({ ...arrays, ...(arrays.labels && { labels }) });
      await step(
        batch,
        { ...p, options: { ...before.options, class: {}, backward: 1, box: {}, mask: {} } },
        use.sync,
      ).catch((error) => {
        // With other labels, rows count that otherwise do not.
        if (!p.outOfRange || (error as RoiLossError).code !== 'ERR_ROI_LOSS_VALUE') throw error;
      });
    }
    batch.write(arrays);
    const { losses, perRoi } = await step(batch, p, use.sync);
    assertLossesOf(exact, losses, expected);
    for (const [term, actual] of Object.entries(perRoi))
      assertPerRoi(exact, actual, expected.perRoi[term] as Float64Array, term as TermName);
    for (const name of Object.keys(expected.grads) as GradName[]) {
      const term = { classLogits: 'class', classProbs: 'class', boxDeltas: 'box', maskLogits: 'mask' }[name];
      const { grad = p.options.grad } = p.options[term as TermName] ?? {};
      if (grad !== false) assertGrad(exact, name, use.dtype, await batch.grads[name].read(), expected);
    }
  } finally {
    batch.dispose();
    for (const tensor of own) tensor.dispose();
  }
}

/** The value for which the device must refuse the inputs; in a batch they have its element type. */
function badValueIn({ problem: p, use }: NumbersCase): BadValue | undefined {
  const isOnArrays = use.way === 'arrays' || use.way === 'arrays of one term';
  return badValueOf(isOnArrays ? p.inputs : inType(p, use.dtype).exact.inputs);
}

/** Throws unless the device agrees with the reference, or refuses a bad label or value. */
export async function checkNumbers(device: Device, given: NumbersCase): Promise<void> {
  const { problem: p, use } = given;
  const bad = badValueIn(given);
  try {
    if (use.way === 'arrays') arrays(device, p, use, expectedOf(p));
    else if (use.way === 'arrays of one term') arraysOfOne(device, p, expectedOf(p));
    else await handles(device, given);
  } catch (error) {
    const { code, message } = error as RoiLossError;
    if (p.badLabel && code === 'ERR_ROI_LOSS_LABEL') return;
    if (bad && code === 'ERR_ROI_LOSS_VALUE') {
      assert.match(message, `${bad.argument}[${bad.index}] is ${bad.value};`);
      return;
    }
    throw error;
  }
  if (p.badLabel) assert.unreachable('a label that is no class was not refused');
  if (bad) assert.unreachable(`${bad.argument}[${bad.index}], which is ${bad.value}, was not refused`);
}
