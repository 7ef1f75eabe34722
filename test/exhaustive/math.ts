import { SingleBar } from 'cli-progress';
import { formatDuration } from '../../common/duration';
import { type Figures, lackOf, make, merged, type Program, violationsOf, walk } from '../support/math';

// The functions behind the formulas, at every float there is.

const concurrent = 2;
const parts = 256;

async function walkAll(program: Program, stride: number): Promise<Figures[]> {
  const bar = new SingleBar({
    format: `${program} {bar} {percentage}%, {eta_formatted} left`,
    formatTime: formatDuration,
    etaBuffer: parts,
  });
  bar.start(parts, 0);
  let found: Figures[] | undefined;
  const queue = Array.from({ length: parts }, (_, part) => part).values();
  const worker = async () => {
    for (const part of queue) {
      const piece = await walk(program, stride, part, parts);
      found = found?.map((figures, i) => merged(figures, piece[i]!)) ?? piece;
      bar.increment();
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  bar.stop();
  return found!;
}

const withCommas = (n: number) => n.toLocaleString('en-US');

const rowOf = ({ name, tried, ulps, at, relative, stepsBack, stepBack }: Figures) =>
  `| ${name.replaceAll('|', '\\|')} | ${withCommas(tried)} | ${ulps.toFixed(2)} | ${Number(at.toPrecision(6))} | ${relative.toExponential(1)} | ${withCommas(stepsBack)} | ${stepBack} |`;

/** Prints a table of what a program finds. Returns what is wrong. */
export async function walkFloats(program: Program, stride: number): Promise<string[]> {
  const lack = lackOf(program);
  if (lack) {
    console.log(`skipped: ${program} — ${lack}`);
    return [];
  }
  make(program);
  const begin = performance.now();
  const found = await walkAll(program, stride);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const nans = found.at(-1)!.nans;
  console.log(
    `\n${program}: every ${stride === 1 ? '' : `${stride}th `}float in ${seconds} s, ${withCommas(nans)} NaNs among them\n`,
  );
  console.log('| function | numbers | ulp | at | relative | goes back | by ulp |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  console.log(`${found.map(rowOf).join('\n')}\n`);
  return found.flatMap((figures) => violationsOf(program, figures)).map((what) => `${program}: ${what}`);
}
