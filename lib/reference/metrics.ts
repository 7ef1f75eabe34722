import type { ClassMetrics, HostMaskOptions, LossInputs, MaskMetrics } from '../types';
import { counted, masksOf } from './rows';

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

/** Of logits or probabilities, [R, C]. */
export function referenceClassMetrics(scores: Float32Array, labels: Int32Array): ClassMetrics {
  const classes = scores.length / labels.length;
  const predicted = Array.from(labels, (_, r) => {
    const [background, ...foreground] = scores.subarray(r * classes, (r + 1) * classes);
    // Where several are the highest the first is, and background comes last.
    const best = Math.max(...foreground);
    return (background as number) > best ? 0 : 1 + foreground.indexOf(best);
  });
  const share = (least: number, fits: (prediction: number, u: number) => boolean) =>
    ratio(
      predicted.filter((c, r) => (labels[r] as number) >= least && fits(c, labels[r] as number)).length,
      counted(labels, least),
    );
  return {
    classAccuracy: share(0, (c, u) => c === u),
    foregroundAccuracy: share(1, (c, u) => c === u),
    falseNegatives: share(1, (c) => c === 0),
  };
}

export function referenceMaskMetrics(
  inputs: LossInputs,
  options: HostMaskOptions & { readonly classes: number },
): MaskMetrics {
  const { labels, foreground } = masksOf(inputs, options);
  const counts = { all: 0, foreground: 0, falsePositives: 0, falseNegatives: 0 };
  for (let p = 0; p < labels.length; p++) {
    const mask = foreground(p);
    mask?.z.forEach((z, i) => {
      const truth = (mask.y[i] as number) > 0.5;
      counts.all++;
      counts.foreground += Number(truth);
      counts.falsePositives += Number(z > 0 && !truth);
      counts.falseNegatives += Number(z <= 0 && truth);
    });
  }
  return {
    pixelAccuracy: ratio(counts.all - counts.falsePositives - counts.falseNegatives, counts.all),
    falsePositives: ratio(counts.falsePositives, counts.all - counts.foreground),
    falseNegatives: ratio(counts.falseNegatives, counts.foreground),
  };
}
