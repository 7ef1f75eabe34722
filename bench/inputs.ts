import type { GradName, LossInputs } from 'roi-loss';
import { floats, random } from '../lib/reference/random';
import { sceneOf } from '../lib/reference/scenes';
import { type Case, maskSizeOf, termsOf } from './cases';

type Labels = Pick<LossInputs, 'labels' | 'maskLabels'> & { readonly labels: Int32Array };

/** The inputs of a case: random, and the same in every run. */
export interface CaseInputs {
  /** Two sets; the first are those of all inputs. */
  readonly labels: readonly [Labels, Labels];
  /** All but the mask logits. */
  readonly rest: LossInputs;
  /** The mask logits of the first RoIs, [up to `rows`, C, H, W]: those of others are the same again, row after row. */
  readonly firstMaskLogits: Float32Array | undefined;
  /** All inputs. Made when it is asked for: mask logits of all channels are a billion bytes in some cases. */
  readonly own: LossInputs;
  /** All inputs, but of the mask logits the label's channel alone: [P, 1, H, W]. */
  readonly picked: LossInputs;
  /** What peers get: `picked` where the gradient is compact, else `own`. */
  readonly peers: LossInputs;
}

/** Of mask logits, or drawing them would take seconds; they come again, in other rows. */
const mostDrawn = 2 ** 20;

/** The inputs that have a gradient. */
export const gradNames = (inputs: LossInputs): GradName[] =>
  (['classLogits', 'boxDeltas', 'maskLogits'] as const).filter((name) => inputs[name]);

/** `length` numbers, of which `first` are the first, and come again. */
function repeated(first: Float32Array, length: number): Float32Array {
  if (first.length === length) return first;
  const all = new Float32Array(length);
  for (let i = 0; i < length; i += first.length) all.set(first.subarray(0, length - i), i);
  return all;
}

/** Of each RoI with a mask the label's channel. */
function pick(first: Float32Array, channels: number, pixels: number, labels: Int32Array): Float32Array {
  const rows = first.length / channels / pixels;
  const picked = new Float32Array(labels.length * pixels);
  for (const [p, label] of labels.entries()) {
    const begin = ((p % rows) * channels + (channels === 1 ? 0 : label)) * pixels;
    picked.set(first.subarray(begin, begin + pixels), p * pixels);
  }
  return picked;
}

export function inputsOf(spec: Case): CaseInputs {
  const { rois, classes, maskRois, maskChannels = classes } = spec.sizes;
  const [height, width] = maskSizeOf(spec);
  const pixels = height * width;
  const masks = maskRois ?? rois;
  const terms = termsOf(spec);
  const next = random(1);

  const makeLabels = (): Labels => {
    const foreground = () => 1 + Math.floor(next() * (classes - 1));
    const labels = new Int32Array(rois).map((_, r) => (r < spec.foreground ? foreground() : 0));
    return { labels, ...(maskRois === undefined ? {} : { maskLabels: labels.slice(0, maskRois) }) };
  };
  const labels = [makeLabels(), makeLabels()] as const;
  const withMasks = terms.includes('mask');
  const row = maskChannels * pixels;
  const { objects, imageSize } = spec.sizes;
  const scene =
    objects && imageSize
      ? sceneOf(2, { rois: masks, objects, imageSize, ...(spec.sides && { sides: spec.sides }) })
      : undefined;
  const rest = {
    ...labels[0],
    ...(terms.includes('class') && { classLogits: floats(next, rois * classes) }),
    ...(terms.includes('box') && {
      boxDeltas: floats(next, rois * classes * 4, 1),
      boxTargets: floats(next, rois * 4, 1),
    }),
    ...(scene && { proposals: scene.proposals, matches: scene.matches, gtMasks: scene.gtMasks }),
    ...(withMasks &&
      !scene && { maskTargets: new Float32Array(masks * pixels).map(() => Math.round(next())) }),
  };
  const drawn = Math.max(1, Math.min(masks, Math.floor(mostDrawn / row)));
  const firstMaskLogits = withMasks ? floats(next, drawn * row) : undefined;
  let whole: Float32Array | undefined;
  return {
    labels,
    rest,
    firstMaskLogits,
    get own() {
      if (!firstMaskLogits) return rest;
      whole ??= repeated(firstMaskLogits, masks * row);
      return { ...rest, maskLogits: whole };
    },
    get picked() {
      if (!firstMaskLogits) return rest;
      const ofMasks = labels[0].labels.subarray(0, masks);
      return { ...rest, maskLogits: pick(firstMaskLogits, maskChannels, pixels, ofMasks) };
    },
    get peers() {
      return spec.sizes.maskGrad === 'compact' && maskChannels > 1 ? this.picked : this.own;
    },
  };
}
