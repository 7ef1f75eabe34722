import { forMarkdown } from '../../../bench/report';
import { formatDuration } from '../../../common/duration';
import { levelName } from './charts';
import type { Difference, Summary } from './summary';
import { tableOf } from './table';

/** AP@.5 with clean masks below which a head has not learned its task. */
const believable = 0.8;

type Verdict = 'better' | 'worse' | 'no different';

/** By the 95% interval of the paired difference. */
function verdictOf({ mean, halfWidth = Number.POSITIVE_INFINITY }: Difference): Verdict {
  if (mean - halfWidth > 0) return 'better';
  return mean + halfWidth < 0 ? 'worse' : 'no different';
}

const pictures = {
  'thresholds.svg': 'Precision, recall and F1 against the IoU threshold',
  'curves.svg': 'Precision against recall',
  'losses.svg': 'Training and validation loss against the iteration',
  'sheet.svg': 'RoIs, their truth, corrupted annotations and predictions; digits of MNIST',
};

/** Asked the same on images of its own: https://beckythebetts.github.io/PhagoPred/Segmentation/LossFunctions */
const precursor = 'PhagoPred';

/** What the differences from BCE say, and whether the precursor found the same. */
export function findingsOf({ cells, differences, seeds }: Summary): string[] {
  if (seeds === 1) return ['One seed has no spread: whether a difference is significant cannot be told.'];
  const trained = cells.find(({ loss, noise }) => loss === 'bce' && noise === 0)?.ap50.mean ?? 1;
  if (trained < believable)
    return [
      `AP@.5 of bce with clean masks is ${trained.toFixed(2)}: so little trained, heads say nothing about losses.`,
    ];
  const losses = [...new Set(differences.map(({ loss }) => loss))];
  const lines = losses.map((loss) => {
    const own = differences.filter((difference) => difference.loss === loss);
    const at = (verdict: Verdict) =>
      own.filter((difference) => verdictOf(difference) === verdict).map(({ noise }) => levelName(noise));
    const said = (['better', 'worse', 'no different'] as const)
      .filter((verdict) => at(verdict).length > 0)
      .map(
        (verdict) =>
          `${verdict === 'no different' ? 'not significantly different' : `significantly ${verdict}`} (${at(verdict).join(', ')})`,
      );
    return `${loss} against bce: ${said.join('; ')}.`;
  });
  const mixture = differences.filter(({ loss }) => loss === 'mixture');
  const improved = mixture.filter((difference) => verdictOf(difference) === 'better');
  return [
    ...lines,
    improved.length === 0
      ? `This agrees with ${precursor}, which found no significant improvement of the mixture over BCE.`
      : `This differs from ${precursor}, which found no significant improvement of the mixture over BCE: here it improves with ${improved.map(({ noise }) => levelName(noise)).join(', ')}.`,
  ];
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

export function shareOf({ shares: { fused, plain } }: Summary): string {
  const part = ({ stepMs, lossMs }: typeof fused) =>
    `${lossMs.toFixed(1)} of ${stepMs.toFixed(0)} ms (${percent(lossMs / stepMs)})`;
  return `Of a training step with the mixture, the losses and their gradients take ${part(fused)} with roi-loss/tfjs, ${part(plain)} in plain TensorFlow.js.`;
}

export const effortOf = ({ cells, seeds, seconds, machine, date }: Summary) =>
  `${cells.length * seeds} trainings, ${formatDuration(seconds)} of one core in all; ${machine}, ${date}.`;

/** The README's part on results. */
export function sectionOf(summary: Summary): string {
  const { settings, seeds, annotations } = summary;
  return `${settings.steps} steps of ${settings.batch} RoIs, ${seeds} seed${seeds > 1 ? 's' : ''}. ${effortOf(summary)}

${forMarkdown(tableOf(summary))}

Mean over seeds ± standard deviation. "less bce" is the difference from \`bce\` in AP@[.5:.95] on the same seed, and half the width of its
95% interval (Student's t).

${findingsOf(summary)
  .map((line) => `- ${line}`)
  .join('\n')}
- The corrupted masks have a mean IoU with the clean ones of ${annotations.map(({ noise, maskIou }) => `${maskIou.toFixed(2)} (${levelName(noise)})`).join(', ')}.
- ${shareOf(summary)}

${Object.entries(pictures)
  .map(([file, title]) => `![${title}](results/${file})`)
  .join('\n\n')}`;
}
