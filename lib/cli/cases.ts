import type { Batch } from '../batch';
import type { Device } from '../device';
import { kinds } from '../kinds';
import { floats, inputsOf, random } from '../reference/random';
import type { TermName } from '../terms';
import type { FusedLossOptions, LossInputs, MaskKind } from '../types';

// What is checked and timed: each loss by itself, and all in one step.

export interface Case {
  readonly name: string;
  readonly terms: readonly TermName[];
  readonly options: FusedLossOptions;
  /** From probabilities instead of logits. */
  readonly probabilities?: true;
}

export const classes = 81;
export const maskSize = [28, 28] as const;

const classWeights = floats(random(2), classes, 0.5).map((w) => w + 1);

export const cases: readonly Case[] = [
  { name: 'class', terms: ['class'], options: {} },
  {
    name: 'class, weighted, smoothed',
    terms: ['class'],
    options: { class: { classWeights, labelSmoothing: 0.1 } },
  },
  { name: 'class, probabilities', terms: ['class'], options: {}, probabilities: true },
  { name: 'box, smooth L1', terms: ['box'], options: { box: { beta: 1 / 9 } } },
  { name: 'box, L1', terms: ['box'], options: { box: { beta: 0 } } },
  ...kinds.mask.map(
    ({ name }): Case => ({
      name: `mask, ${name}`,
      terms: ['mask'],
      options: { mask: { kind: name as MaskKind } },
    }),
  ),
  { name: 'mask, mixture', terms: ['mask'], options: { mask: { kind: { dice: 0.5, 'smoothed-bce': 0.5 } } } },
  { name: 'all terms', terms: ['class', 'box', 'mask'], options: { box: { beta: 1 / 9 } } },
];

/** [R, C] scores to distributions. */
function softmax(scores: Float32Array): Float32Array {
  const e = scores.map(Math.exp);
  return e.map((x, i) => {
    const row = i - (i % classes);
    return x / e.subarray(row, row + classes).reduce((sum, y) => sum + y, 0);
  });
}

/** Random, and the same in every run. */
export function inputsOfCases(rois: number): (spec: Case) => LossInputs {
  const { classLogits, boxDeltas, boxTargets, maskLogits, maskTargets, labels } = inputsOf(1, {
    rois,
    classes,
    maskSize,
    leastLabel: 0,
  });
  const classProbs = softmax(classLogits);
  return ({ terms, probabilities }) => ({
    labels,
    ...(terms.includes('class') && (probabilities ? { classProbs } : { classLogits })),
    ...(terms.includes('box') && { boxDeltas, boxTargets }),
    ...(terms.includes('mask') && { maskLogits, maskTargets }),
  });
}

/** A batch that holds the inputs; for the caller to dispose of. */
export function batchOf(device: Device, spec: Case, inputs: LossInputs): Batch {
  const { terms, probabilities = false } = spec;
  const batch = device.batch({ rois: inputs.labels!.length, classes, maskSize, terms, probabilities });
  batch.write(inputs);
  return batch;
}
