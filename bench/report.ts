import { type Case, maskSizeOf } from './cases';
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

export function formatResults(results: readonly Result[], width: number): string {
  const lanes = [...new Set(results.flatMap(({ timings }) => Object.keys(timings)))];
  return formatTable(
    ['case', 'R/F C H×W', 'MB', ...lanes],
    results.map(({ spec, bytes, timings }) => [
      spec.name,
      shapeOf(spec),
      formatNumber(bytes / 1e6),
      ...lanes.map((name) => cell(timings[name])),
    ]),
    width,
  );
}

export function formatVerdicts(verdicts: readonly Verdict[], width: number): string {
  return formatTable(
    ['case', 'time', 'measured', 'target', ''],
    verdicts.map(({ name, of, measured, unit, target, met, close }) => [
      name,
      of,
      `${formatNumber(measured)}${unit}`,
      target,
      (met ? 'met' : 'MISSED') + (close ? ', within the noise' : ''),
    ]),
    width,
  );
}
