import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../run';
import type { Settings } from '../settings';
import { writeWhole } from '../store';
import { curveChart, lossChart, thresholdChart } from './charts';
import { sectionOf } from './findings';
import { toPng } from './png';
import { sheet } from './sheet';
import type { Summary } from './summary';

const example = join(__dirname, '..');

/** Enough for what is drawn and printed. */
const significant = 4;

const toJson = (summary: Summary) =>
  `${JSON.stringify(summary, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(significant)) : value))}\n`;

/** Of the results of the first seed, those with the most noise but the last level, or the only one. */
function forSheet(results: readonly Result[]): Result[] {
  const noises = [...new Set(results.map(({ run }) => run.noise))];
  const noise = noises.at(-2) || noises.at(-1);
  const seed = results[0]!.run.seed;
  return results.filter(({ run }) => run.noise === noise && run.seed === seed);
}

/** Writes the summary and the pictures, each as SVG and PNG; returns their paths. */
export function writePictures(
  folder: string,
  summary: Summary,
  results: readonly Result[],
  settings: Settings,
): string[] {
  mkdirSync(folder, { recursive: true });
  const pictures = {
    losses: lossChart(summary),
    thresholds: thresholdChart(summary),
    curves: curveChart(summary),
    sheet: sheet(forSheet(results), settings),
  };
  writeWhole(join(folder, 'summary.json'), toJson(summary));
  return Object.entries(pictures).flatMap(([name, svg]) => {
    const stem = join(folder, name);
    writeWhole(`${stem}.svg`, svg);
    writeWhole(`${stem}.png`, toPng(svg));
    return [`${stem}.svg`, `${stem}.png`];
  });
}

/** Renews what the repository shows of the experiment. */
export function publish(summary: Summary, results: readonly Result[], settings: Settings): string[] {
  const readme = join(example, 'README.md');
  const text = readFileSync(readme, 'utf8');
  const section = /(<!-- results -->\n).*(<!-- \/results -->)/s;
  if (!section.test(text)) throw new Error(`${readme} has no <!-- results --> markers`);
  const paths = writePictures(join(example, 'results'), summary, results, settings);
  // As the file has it, so that the two agree to the last digit.
  const shown: Summary = JSON.parse(toJson(summary));
  writeWhole(
    readme,
    text.replace(section, (_, begin, end) => `${begin}${sectionOf(shown)}\n${end}`),
  );
  return [...paths, readme];
}
