import type { Table } from '../../../bench/report';
import type { Cell, Difference, Spread, Summary } from './summary';

const digits = 3;

const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

function differenceText(difference: Difference | undefined): string {
  if (!difference) return '';
  const { mean, halfWidth } = difference;
  return halfWidth === undefined ? signed(mean) : `${signed(mean)} ± ${halfWidth.toFixed(digits)}`;
}

/** Scores by level of noise and loss: the mean over seeds ± the standard deviation. */
export function tableOf({ cells, differences, seeds }: Summary): Table {
  const text = ({ mean, deviation }: Spread) =>
    seeds === 1 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
  const differenceFrom = ({ loss, noise }: Cell) =>
    differences.find((each) => each.loss === loss && each.noise === noise);
  return {
    header: ['noise', 'loss', 'AP@.5', 'AP@.75', 'AP@[.5:.95]', 'less bce', 'mask IoU', 'boundary F'],
    rows: cells.map((cell) => [
      String(cell.noise),
      cell.loss,
      ...[cell.ap50, cell.ap75, cell.ap].map(text),
      differenceText(differenceFrom(cell)),
      ...[cell.maskIou, cell.boundary].map(text),
    ]),
  };
}
