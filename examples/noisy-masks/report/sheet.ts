import { seeded } from '../../digits/random';
import { corrupt } from '../data/corrupt';
import { cropOf, maskTarget, pixelsOf, side, splitDigits, testScenes } from '../data/dataset';
import { samplesOf } from '../data/samples';
import { type Result, unpack } from '../run';
import { lossNames, type Settings } from '../settings';
import { fontFamily } from './panels';

const pixel = 3;
const cell = side * pixel;
const gap = 10;
const header = 64;
const corruptionSeed = 3_000_001;
const greys = 16;

/** The runs of ones in a mask's rows, as an SVG path in pixels of the mask. */
function pathOf(holds: (i: number) => boolean): string {
  let path = '';
  for (let row = 0; row < side; row++)
    for (let x = 0; x < side; x++) {
      const begin = x;
      while (x < side && holds(row * side + x)) x++;
      if (x > begin) path += `M${begin} ${row}h${x - begin}v1h${begin - x}z`;
    }
  return path;
}

/** A grey picture in 16 levels. */
function picture(values: Float32Array): string {
  const level = Array.from(values, (value) => Math.round((greys - 1) * Math.min(1, Math.max(0, value))));
  return [...new Set(level)]
    .map((shade) => {
      const grey = Math.round((255 * shade) / (greys - 1));
      return `<path fill="rgb(${grey},${grey},${grey})" d="${pathOf((i) => level[i] === shade)}"/>`;
    })
    .join('');
}

const colors = { right: '#333333', 'too much': '#f0a020', missing: '#b8b8b8' };

/** A mask, compared with the truth. */
function overlay(mask: Uint8Array, truth: Uint8Array): string {
  const parts = [
    ['#f4f4f4', () => true],
    [colors.right, (i: number) => mask[i] === 1 && truth[i] === 1],
    [colors['too much'], (i: number) => mask[i] === 1 && truth[i] === 0],
    [colors.missing, (i: number) => mask[i] === 0 && truth[i] === 1],
  ] as const;
  return parts.map(([fill, holds]) => `<path fill="${fill}" d="${pathOf(holds)}"/>`).join('');
}

/**
 * Test RoIs in rows: the crop, the truth, how an annotation is corrupted at this level of noise, and the mask that each
 * loss gives when trained on such. `results` are those of one seed at that level.
 */
export function sheet(results: readonly Result[], settings: Settings): string {
  const { noise } = results[0]!.run;
  const samples = samplesOf(testScenes(splitDigits().test, settings.scenes.test));
  const carelessness = seeded(corruptionSeed);
  const titles = ['RoI', 'ground truth', `noise ${noise}`, ...lossNames];
  const cells = samples.flatMap((sample, row) => {
    const { instance, box } = sample;
    const truth = maskTarget(instance.mask, box);
    const annotation = maskTarget(corrupt(instance.mask, instance.scale, noise, carelessness), box);
    const drawn = [
      picture(cropOf(sample)),
      overlay(truth, truth),
      overlay(annotation, truth),
      ...lossNames.map((loss) => {
        const { samples: masks } = results.find(({ run }) => run.loss === loss)!;
        return overlay(unpack(masks[row]!, pixelsOf), truth);
      }),
    ];
    return drawn.map((content, column) => {
      const [x, y] = [gap + column * (cell + gap), header + row * (cell + gap)];
      return `<g transform="translate(${x} ${y}) scale(${pixel})" shape-rendering="crispEdges">${content}</g>`;
    });
  });
  const width = gap + titles.length * (cell + gap);
  const height = header + samples.length * (cell + gap);
  const labels = titles.map(
    (title, i) =>
      `<text x="${gap + i * (cell + gap) + cell / 2}" y="${header - 8}" text-anchor="middle">${title}</text>`,
  );
  const legend = Object.entries(colors)
    .map(([name, fill], i, { length }) => {
      const x = width / 2 + (i - length / 2) * 90;
      return `<rect x="${x}" y="30" width="11" height="11" fill="${fill}"/><text x="${x + 16}" y="40">${name}</text>`;
    })
    .join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" \
font-family="${fontFamily}" font-size="11" fill="#333"><rect width="100%" height="100%" fill="#fff"/>
<text x="${width / 2}" y="22" text-anchor="middle" font-size="15" font-weight="bold">Masks of test RoIs, trained with noise ${noise}</text>
${legend}
${labels.join('\n')}
${cells.join('\n')}
</svg>
`;
}
