import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forMarkdown, tableOf, verdictTable } from './report';
import type { Result, Verdict } from './targets';

/** One run, as it is written and read again. */
export interface Run {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly load: string;
  readonly device: string;
  /** By peer: its version, or how to install it. */
  readonly peers: { readonly [peer: string]: string };
  readonly quick: boolean;
  readonly results: readonly Result[];
  readonly verdicts: readonly Verdict[];
}

const slug = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

export const titleOf = ({ machine, date }: Run) => `${machine}, ${date}`;

export const writeJson = (file: string, run: Run) =>
  writeFileSync(file, `${JSON.stringify(run, undefined, 1)}\n`);

/** Where what concerns a run lies, without its ending. */
export const stemOf = (run: Run) => slug(run.machine);

/** JSON, Markdown and charts. The plotting library is loaded for that alone: a host that only measures need not have it. */
export async function writeAll(folder: string, run: Run): Promise<void> {
  const { speedUpChart, sweepChart } = await import('./charts.js');
  mkdirSync(folder, { recursive: true });
  const stem = stemOf(run);
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  writeJson(join(folder, `${stem}.json`), run);
  write(`${stem}-sweep.svg`, sweepChart(run.results, `A step of all terms, ${titleOf(run)}`));
  write(`${stem}-speed-ups.svg`, speedUpChart(run.results, `One thread beside one thread, ${titleOf(run)}`));
  const about = Object.entries({ node: run.node, device: run.device, load: run.load, ...run.peers });
  write(
    `${stem}.md`,
    `# ${titleOf(run)}

${about.map(([name, value]) => `- ${name}: ${value}`).join('\n')}

${forMarkdown(tableOf(run.results))}

## Targets

${forMarkdown(verdictTable(run.verdicts))}

![Time against R](${stem}-sweep.svg)

![Speed-ups](${stem}-speed-ups.svg)
`,
  );
}
