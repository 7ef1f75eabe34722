import { recallPoints } from '../evaluation/average-precision';
import { curveThresholds, thresholds } from '../evaluation/scores';
import { type LossName, lossNames } from '../settings';
import { colors, draw, type Line, type Panel } from './panels';
import type { Cell, Summary } from './summary';

/** The legend's word for bands; one seed has none. */
const bandOf = ({ seeds }: Summary) => (seeds > 1 ? { band: `least to most of ${seeds} seeds` } : {});

export const levelName = (noise: number) => (noise === 0 ? 'clean masks' : `noise ${noise}`);

const noisesOf = ({ annotations }: Summary) => annotations.map(({ noise }) => noise);

function cellOf({ cells }: Summary, loss: LossName, noise: number): Cell {
  return cells.find((cell) => cell.loss === loss && cell.noise === noise)!;
}

/** A column for each loss, a row for each level of noise. */
export function lossChart(summary: Summary): string {
  const panelOf = (loss: LossName, noise: number): Panel => {
    const { points } = cellOf(summary, loss, noise);
    const linesOf = (part: 'train' | 'validation', name: string): Line[] =>
      (['total', 'mask'] as const).map((term) => ({
        name,
        color: part === 'train' ? '#555' : '#d55e00',
        dashed: term === 'mask',
        points: points.map((point) => [point.iteration, point[part][term]]),
      }));
    return {
      title: `${loss}, ${levelName(noise)}`,
      lines: [...linesOf('train', 'training'), ...linesOf('validation', 'validation (clean masks)')],
    };
  };
  return draw(
    noisesOf(summary).map((noise) => lossNames.map((loss) => panelOf(loss, noise))),
    {
      title: 'Loss against the iteration',
      legend: { solid: 'L_cls + L_box + L_mask', dashed: 'L_mask alone', ...bandOf(summary) },
      x: { name: 'iteration', min: 0, max: summary.settings.steps },
      y: { name: 'loss' },
    },
  );
}

/** Precision, recall and F1, BCE against the mixture: a row for each level of noise. */
export function thresholdChart(summary: Summary): string {
  const shown = { precision: 'precision', recall: 'recall', f1: 'F1' } as const;
  const panelOf = (score: keyof typeof shown, noise: number): Panel => ({
    title: `${shown[score]}, ${levelName(noise)}`,
    lines: (['bce', 'mixture'] as const).map((loss) => ({
      name: loss === 'bce' ? 'BCE' : '½ dice + ½ smoothed BCE',
      color: colors[loss],
      points: cellOf(summary, loss, noise)[score].map((spread, i) => [thresholds[i]!, spread] as const),
    })),
  });
  return draw(
    noisesOf(summary).map((noise) =>
      (Object.keys(shown) as (keyof typeof shown)[]).map((score) => panelOf(score, noise)),
    ),
    {
      title: 'Precision, recall and F1 against the mask IoU threshold',
      legend: bandOf(summary),
      x: { name: 'IoU threshold', min: 0.5, max: 0.95, interval: 0.15 },
      y: { name: 'score', max: 1 },
    },
  );
}

/** BCE against each custom loss: a row for each of these, a column for each level of noise. */
export function curveChart(summary: Summary): string {
  const linesOf = (loss: LossName, noise: number): Line[] =>
    curveThresholds.map((_, i) => ({
      name: loss,
      color: colors[loss],
      dashed: i > 0,
      points: cellOf(summary, loss, noise).curves[i]!.map(
        (spread, at) => [recallPoints[at]!, spread] as const,
      ),
    }));
  const custom = lossNames.filter((loss) => loss !== 'bce');
  return draw(
    custom.map((loss) =>
      noisesOf(summary).map((noise) => ({
        title: `${loss}, ${levelName(noise)}`,
        lines: [...linesOf('bce', noise), ...linesOf(loss, noise)],
      })),
    ),
    {
      title: 'Precision against recall',
      legend: {
        solid: `mask IoU ${curveThresholds[0]}`,
        dashed: `mask IoU ${curveThresholds[1]}`,
        ...bandOf(summary),
      },
      x: { name: 'recall', min: 0, max: 1, interval: 0.2 },
      y: { name: 'precision', max: 1 },
    },
  );
}
