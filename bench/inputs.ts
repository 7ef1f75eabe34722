import type { GradName, LossInputs } from 'roi-loss';
import { floats, random } from '../lib/reference/random';
import { type Case, maskSizeOf, termsOf } from './cases';

export interface CaseInputs {
  readonly own: LossInputs;
  /** The same, but where the gradient is compact, the label's channel of the logits has been gathered: [P, 1, H, W]. */
  readonly peers: LossInputs;
  /** Two sets of labels; the first are those of `own`. */
  readonly labels: readonly [Labels, Labels];
}

type Labels = Pick<LossInputs, 'labels' | 'maskLabels'>;

/** Drawing more numbers than these takes seconds; they come again, in other rows. */
const mostDrawn = 2 ** 22;

function manyFloats(next: () => number, count: number): Float32Array {
  const drawn = floats(next, Math.min(count, mostDrawn));
  if (count === drawn.length) return drawn;
  const all = new Float32Array(count);
  for (let i = 0; i < count; i += drawn.length) all.set(drawn.subarray(0, count - i), i);
  return all;
}

/** The inputs that have a gradient. */
export const gradNames = (inputs: LossInputs): GradName[] =>
  (['classLogits', 'boxDeltas', 'maskLogits'] as const).filter((name) => inputs[name]);

/** Random, and the same in every run. */
export function inputsOf(spec: Case): CaseInputs {
  const { rois, classes, maskRois, maskChannels = classes } = spec.sizes;
  const [height, width] = maskSizeOf(spec);
  const pixels = height * width;
  const masks = maskRois ?? rois;
  const terms = termsOf(spec);
  const next = random(1);

  const makeLabels = (): Labels & { labels: Int32Array } => {
    const foreground = () => 1 + Math.floor(next() * (classes - 1));
    const labels = new Int32Array(rois).map((_, r) => (r < spec.foreground ? foreground() : 0));
    return { labels, ...(maskRois === undefined ? {} : { maskLabels: labels.slice(0, maskRois) }) };
  };
  const labels = [makeLabels(), makeLabels()] as const;
  const rows: LossInputs = {
    ...labels[0],
    ...(terms.includes('class') && { classLogits: floats(next, rois * classes) }),
    ...(terms.includes('box') && {
      boxDeltas: floats(next, rois * classes * 4, 1),
      boxTargets: floats(next, rois * 4, 1),
    }),
  };
  if (!terms.includes('mask')) return { own: rows, peers: rows, labels };

  const maskLogits = manyFloats(next, masks * maskChannels * pixels);
  const own = {
    ...rows,
    maskLogits,
    maskTargets: new Float32Array(masks * pixels).map(() => Math.round(next())),
  };
  if (spec.sizes.maskGrad !== 'compact' || maskChannels === 1) return { own, peers: own, labels };
  const gathered = new Float32Array(masks * pixels);
  for (let p = 0; p < masks; p++) {
    const begin = (p * classes + labels[0].labels[p]!) * pixels;
    gathered.set(maskLogits.subarray(begin, begin + pixels), p * pixels);
  }
  return { own, peers: { ...own, maskLogits: gathered }, labels };
}
