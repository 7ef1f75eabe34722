// Compiled, never run: what the declarations promise, and with @ts-expect-error what they must refuse.

import {
  Batch,
  type BatchSizes,
  Device,
  type ErrorCode,
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  type Graph,
  isRoiLossError,
  type Losses,
  LossStep,
  type MaskLossOptions,
  openDevice,
  type RoiLossError,
  Tensor,
  type TermName,
  TermStep,
} from 'roi-loss';

const labels = Int32Array.of(1);
const classLogits = new Float32Array(3);
const boxes = { boxDeltas: new Float32Array(12), boxTargets: new Float32Array(4), labels };
const masks = { maskLogits: new Float32Array(48), maskTargets: new Uint8Array(16), labels };
const whole = { classLogits, ...boxes, ...masks };

// Gradients are there unless `grad: false`, and may be where that is not known.
const grad: Float32Array = fusedClassLoss({ classLogits, labels }, { labelSmoothing: 0.1 }).grad;
const asked: Float32Array = fusedBoxLoss(boxes, { classes: 3, grad: true }).grad;
const unset: Float32Array = fusedMaskLoss(masks, { classes: 3, maskSize: [4, 4], grad: undefined }).grad;
const { loss, perRoi } = fusedClassLoss({ classLogits, labels }, { grad: false, reduction: 'none' });
const losses: (number | Float32Array | undefined)[] = [loss, perRoi];
// @ts-expect-error
fusedClassLoss({ classLogits, labels }, { grad: false }).grad;
// @ts-expect-error
fusedBoxLoss(boxes, { classes: 3, grad: false }).grad;
// @ts-expect-error
fusedMaskLoss(masks, { classes: 3, grad: false }).grad;
const options: MaskLossOptions & { classes: number } = { classes: 3, kind: { dice: 1, bce: 2 } };
const perhaps: Float32Array | undefined = fusedMaskLoss(masks, options).grad;
// @ts-expect-error
const certain: Float32Array = fusedMaskLoss(masks, options).grad;

const all: { classLogits: Float32Array; boxDeltas: Float32Array; maskLogits: Float32Array } = fusedLoss(
  whole,
  { classes: 3, mask: { kind: 'dice' } },
).grads;
const some = fusedLoss(whole, { grad: false, box: { grad: true }, mask: { weight: 2 } }).grads;
const one: Float32Array = some.boxDeltas;
// @ts-expect-error
some.classLogits;
// @ts-expect-error
some.maskLogits;
// @ts-expect-error
fusedLoss(whole, { mask: { grad: false } }).grads.maskLogits;
// @ts-expect-error
fusedLoss({ classLogits, labels }).grads.boxDeltas;
const flag: boolean = loss > 0;
const either: Float32Array | undefined = fusedLoss(whole, { grad: flag }).grads.maskLogits;

// Misspelled options do not compile.
// @ts-expect-error
fusedMaskLoss(masks, { classes: 3, knd: 'dice' });
// @ts-expect-error
fusedMaskLoss(masks, { classes: 3, kind: 'dyce' });
// @ts-expect-error
fusedLoss(whole, { mask: { knd: 'dice' } });
// @ts-expect-error
fusedClassLoss({ logits: classLogits, labels });

// What the package makes, it alone makes.
// @ts-expect-error
new Device();
// @ts-expect-error
new Tensor();
// @ts-expect-error
new Batch();
// @ts-expect-error
new TermStep();
// @ts-expect-error
new LossStep();

const terms: readonly TermName[] = ['class', 'box', 'mask'];
const sizes: BatchSizes = { rois: 4, classes: 3, terms, dtype: 'bfloat16' };

export async function useHandles(): Promise<Losses> {
  using device: Device = openDevice('cpu', { threads: 1 });
  using batch: Batch = device.batch(sizes);
  using tensor: Tensor = device.tensor(classLogits, [1, 3], 'float32');
  batch.write({ labels });
  using graph: Graph<LossStep> = batch.capture(() => fusedLoss(batch, { metrics: true }));
  const step: TermStep = fusedBoxLoss(batch);
  const values: [number, bigint, number] = [await step.loss(), device.stream, tensor.length];
  void values;
  tensor[Symbol.dispose]();
  return graph.launch().losses();
}

export function codeOf(error: unknown): ErrorCode | undefined {
  if (!isRoiLossError(error)) return undefined;
  const known: RoiLossError = error;
  return known.code;
}

export const used = { grad, asked, unset, losses, perhaps, certain, all, one, either };
