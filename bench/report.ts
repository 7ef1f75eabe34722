import { type Case, maskSizeOf } from './cases';
import { lane } from './contenders';
import { spread, type Timing } from './statistics';
import { formatNumber, formatTable, formatTime } from './table';
import type { Result, Verdict } from './targets';

const percent = (share: number) => `${Math.round(100 * share)}%`;
const cell = (timing: Timing | undefined) =>
  timing ? `${formatTime(timing.median)} ±${percent(spread(timing))}` : '–';

/** R, of these F foreground, C and, with masks, H×W. */
function shapeOf(spec: Case): string {
  const { rois, classes, terms } = spec.sizes;
  const masks = !terms || terms.includes('mask') ? ` ${maskSizeOf(spec).join('×')}` : '';
  return `${rois}/${spec.foreground} ${classes}${masks}`;
}

/** GB/s of one thread with handles, and how fast that is beside a + b. */
function rateOf({ bytes, timings }: Result): [string, string] {
  const [ours, floor] = [timings[lane('handles', 1)]!, timings[lane('a + b', 1)]!];
  return [formatNumber(bytes / ours.median / 1e3), percent(floor.median / ours.median)];
}

export function tableOf(results: readonly Result[]): { header: string[]; rows: string[][] } {
  const lanes = [...new Set(results.flatMap(({ timings }) => Object.keys(timings)))];
  return {
    header: ['case', 'R/F C H×W', 'MB', 'GB/s', '% of floor', ...lanes],
    rows: results.map((result) => [
      result.spec.name,
      shapeOf(result.spec),
      formatNumber(result.bytes / 1e6),
      ...rateOf(result),
      ...lanes.map((name) => cell(result.timings[name])),
    ]),
  };
}

export function verdictTable(verdicts: readonly Verdict[]): { header: string[]; rows: string[][] } {
  return {
    header: ['case', 'time', 'measured', 'target', ''],
    rows: verdicts.map(({ name, of, measured, unit, target, met, close }) => [
      name,
      of,
      `${formatNumber(measured)}${unit}`,
      target,
      (met ? 'met' : 'MISSED') + (close ? ', within the noise' : ''),
    ]),
  };
}

export type Table = ReturnType<typeof tableOf>;

export const forTerminal = ({ header, rows }: Table, width: number) => formatTable(header, rows, width);

export const forMarkdown = ({ header, rows }: Table) =>
  [header, header.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
