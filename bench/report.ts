import { type Case, maskSizeOf } from './cases';
import type { Run } from './run';
import { spread, type Timing } from './statistics';
import { formatNumber, formatTable, formatTime } from './table';
import type { Result, Verdict } from './targets';

const percent = (share: number) => `${Math.round(100 * share)}%`;
const cell = (timing: Timing | undefined) =>
  timing ? `${formatTime(timing.median)} ±${percent(spread(timing))}` : '–';

/** R, of these F foreground, C and, with masks, H×W; of matching boxes and objects. */
function shapeOf(spec: Case): string {
  if (spec.match) return `${spec.sizes.rois} × ${spec.match.objects}`;
  const { rois, classes, terms } = spec.sizes;
  const masks = !terms || terms.includes('mask') ? ` ${maskSizeOf(spec).join('×')}` : '';
  return `${rois}/${spec.foreground} ${classes}${masks}`;
}

type Lanes = Run['lanes'];

/** GB/s of ours, and how fast that is beside the floor. */
function rateOf({ bytes, timings }: Result, lanes: Lanes): [string, string] {
  const [ours, floor] = [timings[lanes.ours], timings[lanes.floor]];
  if (!ours || !floor) return ['–', '–'];
  return [formatNumber(bytes / ours.median / 1e3), percent(floor.median / ours.median)];
}

/** What was not timed, and why: a line for each lane and reason. */
export function absentLanes(results: readonly Result[]): string[] {
  const cases = new Map<string, string[]>();
  for (const { spec, absent = {} } of results)
    for (const [lane, reason] of Object.entries(absent)) {
      const what = `${lane}: ${reason}`;
      cases.set(what, [...(cases.get(what) ?? []), spec.name]);
    }
  return [...cases].map(([what, names]) => `${what} (${names.join('; ')})`);
}

export function tableOf(results: readonly Result[], ours: Lanes): { header: string[]; rows: string[][] } {
  const lanes = [...new Set(results.flatMap(({ timings }) => Object.keys(timings)))];
  return {
    header: ['case', 'R/F C H×W', 'MB', 'GB/s', '% of floor', ...lanes],
    rows: results.map((result) => [
      result.spec.name,
      shapeOf(result.spec),
      formatNumber(result.bytes / 1e6),
      ...rateOf(result, ours),
      ...lanes.map((name) => cell(result.timings[name])),
    ]),
  };
}

export function verdictTable(verdicts: readonly Verdict[]): { header: string[]; rows: string[][] } {
  return {
    header: ['case', 'time', 'measured', 'target', ''],
    rows: verdicts.map(({ name, of, measured, range, unit, target, met, close }) => [
      name,
      of,
      `${formatNumber(measured)}${unit}${range ? ` (${range.map(formatNumber).join('–')})` : ''}`,
      target,
      (met ? 'met' : 'MISSED') + (close ? ', within the noise' : ''),
    ]),
  };
}

/** All that is told of a run behind its head: the table, the targets, what was not timed and what failed. */
export function textOf(run: Run, width: number): string {
  const { results, verdicts, lanes, failures } = run;
  const absent = absentLanes(results);
  return [
    ...(results.length > 0 ? [forTerminal(tableOf(results, lanes), width)] : []),
    ...(verdicts.length > 0 ? [forTerminal(verdictTable(verdicts), width)] : []),
    ...(absent.length > 0 ? [`Not timed:\n${absent.join('\n')}`] : []),
    ...(failures.length > 0
      ? [`Failed:\n${failures.map(({ name, message }) => `${name}: ${message}`).join('\n')}`]
      : []),
  ].join('\n\n');
}

export type Table = ReturnType<typeof tableOf>;

export const forTerminal = ({ header, rows }: Table, width: number) => formatTable(header, rows, width);

export const forMarkdown = ({ header, rows }: Table) =>
  [header, header.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
