import { mean } from '../evaluation/average-precision';
import { type Scores, thresholds } from '../evaluation/scores';
import type { Point } from '../head/train';
import type { Result } from '../run';
import { type LossName, lossNames, type Settings } from '../settings';
import type { Shares } from './timing';

/** Over seeds: the mean, the standard deviation of the sample (0 for one seed), the least and the most. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const average = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
  return {
    mean: average,
    deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    low: Math.min(...values),
    high: Math.max(...values),
  };
}

/** The total loss and the mask loss in it. */
interface LossSpread {
  readonly total: Spread;
  readonly mask: Spread;
}

interface LossPoint {
  readonly iteration: number;
  readonly train: LossSpread;
  readonly validation: LossSpread;
}

/** The runs of one loss at one level of noise, over the seeds. */
export interface Cell {
  readonly loss: LossName;
  readonly noise: number;
  /** AP at IoU 0.5, at 0.75, and its mean over 0.5, 0.55, … 0.95. */
  readonly ap50: Spread;
  readonly ap75: Spread;
  readonly ap: Spread;
  readonly maskIou: Spread;
  readonly boundary: Spread;
  readonly found: Spread;
  /** By threshold. */
  readonly precision: readonly Spread[];
  readonly recall: readonly Spread[];
  readonly f1: readonly Spread[];
  /** For each of `curveThresholds`, by recall. */
  readonly curves: readonly (readonly Spread[])[];
  readonly points: readonly LossPoint[];
}

/** A loss less BCE on the same seed: AP@[.5:.95], its mean over seeds, and half the width of the 95% interval. */
export interface Difference {
  readonly loss: LossName;
  readonly noise: number;
  readonly mean: number;
  /** Undefined for one seed. */
  readonly halfWidth?: number;
}

export interface Summary {
  readonly settings: Settings;
  readonly seeds: number;
  readonly machine: string;
  readonly date: string;
  /** Of all runs together, one after another. */
  readonly seconds: number;
  readonly shares: Shares;
  /** By level of noise, the mean IoU of the masks trained on with the clean ones. */
  readonly annotations: readonly { readonly noise: number; readonly maskIou: number }[];
  readonly cells: readonly Cell[];
  readonly differences: readonly Difference[];
}

/** Student's t for a 95% interval, by degrees of freedom from 1. */
const student = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const normal = 1.96;

function cellOf(results: readonly Result[]): Cell {
  const { loss, noise } = results[0]!.run;
  const over = (value: (scores: Scores) => number) => spreadOf(results.map(({ scores }) => value(scores)));
  const byThreshold = (name: 'precision' | 'recall' | 'f1') =>
    thresholds.map((_, i) => over((scores) => scores[name][i]!));
  const lossAt = (i: number, part: 'train' | 'validation'): LossSpread => {
    const of = (term: 'total' | 'mask') => spreadOf(results.map(({ points }) => points[i]![part][term]));
    return { total: of('total'), mask: of('mask') };
  };
  const [first] = results as [Result];
  return {
    loss,
    noise,
    ap50: over(({ ap }) => ap[thresholds.indexOf(0.5)]!),
    ap75: over(({ ap }) => ap[thresholds.indexOf(0.75)]!),
    ap: over(({ ap }) => mean(ap)),
    maskIou: over(({ maskIou }) => maskIou),
    boundary: over(({ boundary }) => boundary),
    found: over(({ found }) => found),
    precision: byThreshold('precision'),
    recall: byThreshold('recall'),
    f1: byThreshold('f1'),
    curves: first.scores.curves.map((curve, c) => curve.map((_, i) => over(({ curves }) => curves[c]![i]!))),
    points: first.points.map(({ iteration }: Point, i) => ({
      iteration,
      train: lossAt(i, 'train'),
      validation: lossAt(i, 'validation'),
    })),
  };
}

function differenceOf(results: readonly Result[], baseline: readonly Result[]): Difference {
  const { loss, noise } = results[0]!.run;
  const differences = results.map(({ run, scores }) => {
    const peer = baseline.find((other) => other.run.seed === run.seed)!;
    return mean(scores.ap) - mean(peer.scores.ap);
  });
  const { mean: average, deviation } = spreadOf(differences);
  const freedom = differences.length - 1;
  if (freedom === 0) return { loss, noise, mean: average };
  const halfWidth = ((student[freedom - 1] ?? normal) * deviation) / Math.sqrt(differences.length);
  return { loss, noise, mean: average, halfWidth };
}

export function summarise(
  results: readonly Result[],
  settings: Settings,
  about: Pick<Summary, 'machine' | 'date' | 'shares'>,
): Summary {
  const noises = [...new Set(results.map(({ run }) => run.noise))];
  const of = (loss: LossName, noise: number) =>
    results.filter(({ run }) => run.loss === loss && run.noise === noise);
  return {
    settings,
    seeds: new Set(results.map(({ run }) => run.seed)).size,
    ...about,
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    annotations: noises.map((noise) => ({
      noise,
      maskIou: mean(of('bce', noise).map(({ annotations }) => annotations)),
    })),
    cells: noises.flatMap((noise) => lossNames.map((loss) => cellOf(of(loss, noise)))),
    differences: noises.flatMap((noise) =>
      lossNames
        .filter((loss) => loss !== 'bce')
        .map((loss) => differenceOf(of(loss, noise), of('bce', noise))),
    ),
  };
}
