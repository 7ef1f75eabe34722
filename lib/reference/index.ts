import type {
  ClassLossOptions,
  FusedLossOptions,
  HostMaskOptions,
  Losses,
  LossInputs,
  TermOptions,
} from '../types';
import { boxLoss } from './box';
import { classFromLogits, classFromProbs, type RoiTerm } from './class';
import { maskLoss } from './mask';
import { channelOf, counted, masksOf, type Row, take } from './rows';

// The losses in float64, one RoI after another, as the formulas are written: the oracle of the tests.

export type ReferenceOptions = FusedLossOptions & HostMaskOptions & { readonly classes: number };

export interface ReferenceTerm {
  readonly loss: number;
  readonly perRoi: Float64Array;
  readonly grad: Float64Array;
}

export interface Reference {
  readonly losses: Losses;
  readonly grads: { readonly [name: string]: Float64Array };
  readonly perRoi: { readonly [term: string]: Float64Array };
}

/** Puts the RoIs together: reduction, weight, scales. `count` is what `mean` divides by. */
function reduce(
  options: TermOptions,
  rois: number,
  count: number,
  gradLength: number,
  roi: (r: number) => { readonly term: RoiTerm; readonly row: Row } | undefined,
): ReferenceTerm {
  const { reduction = 'mean', weight = 1, gradScale = 1, backward = 1 } = options;
  const divisor = reduction === 'mean' ? (options.normalizer ?? count) : 1;
  const factor = divisor > 0 ? weight / divisor : 0;
  const perRoi = new Float64Array(rois);
  const grad = new Float64Array(gradLength);
  for (let r = 0; r < rois; r++) {
    const found = roi(r);
    if (!found) continue;
    perRoi[r] = factor * found.term.loss;
    const upstream = typeof backward === 'number' ? backward : (backward[r] as number);
    found.term.grad.forEach((g, i) => {
      grad[found.row(i)] = factor * gradScale * upstream * g;
    });
  }
  return { loss: perRoi.reduce((sum, loss) => sum + loss, 0), perRoi, grad };
}

export function referenceClass(
  scores: Float32Array,
  labels: Int32Array,
  options: ClassLossOptions,
  from: 'logits' | 'probs',
): ReferenceTerm {
  const rois = labels.length;
  const classes = rois === 0 ? 0 : scores.length / rois;
  const { classWeights } = options;
  const count = classWeights
    ? labels.reduce((sum, u) => (u < 0 ? sum : sum + (classWeights[u] as number)), 0)
    : counted(labels, 0);
  return reduce(options, rois, count, scores.length, (r) => {
    const u = labels[r] as number;
    if (u < 0) return undefined;
    const row: Row = (c) => r * classes + c;
    const z = take(scores, classes, row);
    return { term: from === 'logits' ? classFromLogits(z, u, options) : classFromProbs(z, u, options), row };
  });
}

export function referenceBox(
  inputs: LossInputs,
  options: ReferenceOptions['box'] & object,
  classes: number,
): ReferenceTerm {
  const { boxDeltas, boxTargets, labels } = inputs as Required<LossInputs> & { labels: Int32Array };
  const deltas = boxDeltas as Float32Array;
  const channels = labels.length === 0 ? classes : deltas.length / (labels.length * 4);
  return reduce(options, labels.length, counted(labels, 0), deltas.length, (r) => {
    const u = labels[r] as number;
    if (u < 1) return undefined;
    const row: Row = (i) => (r * channels + channelOf(u, channels, classes)) * 4 + i;
    const targets = take(boxTargets as Float32Array, 4, (i) => r * 4 + i);
    return { term: boxLoss(take(deltas, 4, row), targets, options), row };
  });
}

export function referenceMask(inputs: LossInputs, options: ReferenceOptions): ReferenceTerm {
  const { labels, pixels, length, foreground } = masksOf(inputs, options);
  const compact = options.maskGrad === 'compact';
  const gradLength = compact ? labels.length * pixels : length;
  return reduce(options.mask ?? {}, labels.length, counted(labels, 1), gradLength, (p) => {
    const mask = foreground(p);
    if (!mask) return undefined;
    const term = maskLoss(mask.z, mask.y, options.mask ?? {});
    return { term, row: compact ? (i) => p * pixels + i : mask.row };
  });
}

/** L = L_cls + L_box + L_mask and all gradients, of the terms whose inputs are given. */
export function referenceLoss(inputs: LossInputs, options: ReferenceOptions): Reference {
  const { class: classOptions, box, mask, classes, maskSize, layout, maskGrad, ...shared } = options;
  const terms: { [term: string]: ReferenceTerm } = {};
  const grads: { [name: string]: Float64Array } = {};
  for (const name of ['classLogits', 'classProbs'] as const) {
    const scores = inputs[name];
    if (!scores) continue;
    const from = name === 'classLogits' ? 'logits' : 'probs';
    terms.class = referenceClass(scores, inputs.labels as Int32Array, { ...shared, ...classOptions }, from);
    grads[name] = terms.class.grad;
  }
  if (inputs.boxDeltas) {
    terms.box = referenceBox(inputs, { ...shared, ...box }, classes);
    grads.boxDeltas = terms.box.grad;
  }
  if (inputs.maskLogits) {
    terms.mask = referenceMask(inputs, { ...options, mask: { ...shared, ...mask } });
    grads.maskLogits = terms.mask.grad;
  }
  const loss = (term: string) => terms[term]?.loss ?? 0;
  return {
    losses: {
      total: loss('class') + loss('box') + loss('mask'),
      class: loss('class'),
      box: loss('box'),
      mask: loss('mask'),
    },
    grads,
    perRoi: Object.fromEntries(Object.entries(terms).map(([term, { perRoi }]) => [term, perRoi])),
  };
}
