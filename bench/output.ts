import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { absentLanes, forMarkdown, tableOf, verdictTable } from './report';
import { type Run, stemOf, titleOf } from './run';

export const writeJson = (file: string, runs: Run | readonly Run[]) =>
  writeFileSync(file, `${JSON.stringify(runs, undefined, 1)}\n`);

/** JSON, Markdown and charts. The plotting library is loaded for that alone: a host that only measures need not have it. */
export async function writeAll(folder: string, run: Run): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const stem = stemOf(run);
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  writeJson(join(folder, `${stem}.json`), run);
  const charts = await drawCharts(run);
  for (const { name, svg } of charts) write(`${stem}-${name}.svg`, svg);
  const { node, device, load, runs } = run;
  const about = Object.entries({ node, device, load, runs, ...run.peers });
  const absent = absentLanes(run.results);
  const { failures } = run;
  write(
    `${stem}.md`,
    [
      `# ${titleOf(run)}`,
      about.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
      forMarkdown(tableOf(run.results, run.lanes)),
      ...(run.verdicts.length > 0 ? ['## Targets', forMarkdown(verdictTable(run.verdicts))] : []),
      ...(absent.length > 0 ? ['## Not timed', absent.map((line) => `- ${line}`).join('\n')] : []),
      ...(failures.length > 0
        ? ['## Failed', failures.map(({ name, message }) => `- ${name}: ${message}`).join('\n')]
        : []),
      ...charts.map(({ name, alt }) => `![${alt}](${stem}-${name}.svg)`),
    ]
      .join('\n\n')
      .concat('\n'),
  );
}

interface Chart {
  readonly name: string;
  readonly alt: string;
  readonly svg: string;
}

/** None where the plotting library is not there. */
async function drawCharts(run: Run): Promise<Chart[]> {
  const { speedUpChart, sweepChart } = await import('./charts.js').catch(() => ({}) as Partial<Charts>);
  if (!speedUpChart || !sweepChart) return [];
  const charts = [
    { name: 'sweep', alt: 'Time against R', svg: sweepChart(run) },
    { name: 'speed-ups', alt: 'Speed-ups', svg: speedUpChart(run) },
  ];
  return charts.flatMap(({ svg, ...chart }) => (svg === undefined ? [] : [{ ...chart, svg }]));
}

type Charts = typeof import('./charts.js');
