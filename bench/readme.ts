import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lane } from './contenders';
import { writeAll } from './output';
import { forMarkdown } from './report';
import { type Run, stemOf, titleOf } from './run';
import { formatNumber, formatTime } from './table';

// Writes what shows the run on a CPU in bench/results, from its JSON: its table, its charts and the README's sections between markers.
// `npm run bench:readme`

const root = join(__dirname, '..');
const folder = join(root, 'bench', 'results');
const shown = [
  'class + box',
  'mask compact, bce',
  'mask compact, dice',
  'mask compact, mixture',
  'mask dense, bce',
  'all terms',
  'torchvision default',
  'noisy-mask study',
  'one RoI',
];

/** Cases that show what arrays cost beside handles: the gradient of a call is new memory. */
const compared = ['one RoI', 'mask compact, bce', 'all terms'];

function apis({ results }: Run): string {
  const lanes = [lane('handles', 2), lane('arrays', 2)];
  const rows = results
    .filter(({ spec }) => compared.includes(spec.name))
    .map(({ spec, timings }) => [spec.name, ...lanes.map((name) => formatTime(timings[name]!.median))]);
  return `Forward + backward on two threads, from the run below:

${forMarkdown({ header: ['case', 'handles', 'arrays'], rows })}`;
}

const stemIn = (run: Run) => `bench/results/${stemOf(run)}`;

const chart = (run: Run) => `![A step of all terms against R](${stemIn(run)}-sweep.svg)`;

function speed(run: Run): string {
  const peers = (['torch', 'tfjs wasm', 'tfjs cpu', 'plain'] as const).map((peer) => lane(peer, 1));
  const rows = run.results
    .filter(({ spec }) => shown.includes(spec.name))
    .map(({ spec, timings }) => {
      const ours = timings[lane('handles', 1)]!;
      const times = (name: string) => {
        const theirs = timings[name];
        return theirs ? `${formatNumber(theirs.median / ours.median)}×` : '–';
      };
      return [spec.name, formatTime(ours.median), ...peers.map(times)];
    });
  const present = Object.values(run.peers).filter((text) => !text.startsWith('absent'));
  return `Forward + backward on one thread, and how many times slower the alternatives are on one thread:

${forMarkdown({ header: ['case', 'roi-loss', ...peers.map((name) => name.replace(' ×1', ''))], rows })}

${titleOf(run)}; ${run.device.replace(/, \d+ threads?/, '')}; ${present.join('; ')}; load: ${run.load}${run.runs > 1 ? `; medians of ${run.runs} runs` : ''}.
[All cases](${stemIn(run)}.md), [what is timed and how](bench/README.md).`;
}

/** By marker. */
const sections = { chart, apis, speed };

async function main(): Promise<void> {
  const run = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Run)
    .find(({ device }) => device.startsWith('CPU'));
  if (!run)
    throw new Error(
      `${folder} holds no run on a CPU; npm run bench -- --device cpu --out bench/results makes one`,
    );
  await writeAll(folder, run);
  const readme = join(root, 'README.md');
  let text = readFileSync(readme, 'utf8');
  for (const [name, sectionOf] of Object.entries(sections)) {
    const section = new RegExp(`(<!-- ${name} -->\\n).*(<!-- /${name} -->)`, 's');
    if (!section.test(text)) throw new Error(`README.md has no <!-- ${name} --> markers`);
    text = text.replace(section, (_, begin, end) => `${begin}${sectionOf(run)}\n${end}`);
  }
  writeFileSync(readme, text);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
