import * as echarts from 'echarts';
import type { LossName } from '../settings';
import type { Spread } from './summary';

// Small multiples: a grid of panels with the same axes, lines with bands.

/** Colour-blind safe (Okabe and Ito, 2008). */
export const colors: { readonly [L in LossName]: string } = {
  bce: '#0072b2',
  dice: '#d55e00',
  'smoothed-bce': '#009e73',
  mixture: '#cc79a7',
};

export const fontFamily = 'DejaVu Sans, sans-serif';

export interface Line {
  readonly name: string;
  readonly color: string;
  readonly dashed?: boolean;
  /** The mean is the line; from the least to the most is the band. */
  readonly points: readonly (readonly [x: number, y: Spread])[];
}

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface Axes {
  readonly title: string;
  /** What is not in the names of lines, for the legend. */
  readonly legend: {
    /** What solid and dashed lines are, where there are both. */
    readonly solid?: string;
    readonly dashed?: string;
    /** What the bands are. */
    readonly band?: string;
  };
  readonly x: {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly interval?: number;
  };
  /** From 0 to this, or to the highest of all panels. */
  readonly y: { readonly name: string; readonly max?: number };
}

const panel = { width: 240, height: 170 };
const bandOpacity = 0.2;
const gap = { x: 58, y: 62 };
const edge = { left: 70, right: 20, top: 76, bottom: 84 };

/** What lines and bands look like. */
const icons = {
  solid: 'path://M0 4h24v3h-24z',
  dashed: 'path://M0 4h6v3h-6zM9 4h6v3h-6zM18 4h6v3h-6z',
  band: 'path://M0 0h24v11h-24z',
};
const neutral = '#555';

type Series = echarts.LineSeriesOption | echarts.CustomSeriesOption;

function band({ points, color }: Line, axis: number): Series {
  return {
    type: 'custom',
    silent: true,
    clip: true,
    xAxisIndex: axis,
    yAxisIndex: axis,
    z: 1,
    data: [[0, 0]],
    renderItem: (_, api) => ({
      type: 'polygon',
      shape: {
        points: [
          ...points.map(([x, { high }]) => api.coord([x, high])),
          ...points.toReversed().map(([x, { low }]) => api.coord([x, low])),
        ],
      },
      style: { fill: color, opacity: bandOpacity },
    }),
  };
}

function line({ name, points, color, dashed }: Line, axis: number): Series {
  return {
    type: 'line',
    name,
    xAxisIndex: axis,
    yAxisIndex: axis,
    showSymbol: false,
    color,
    lineStyle: { width: 1.8, color, type: dashed ? 'dashed' : 'solid' },
    data: points.map(([x, { mean }]) => [x, mean]),
  };
}

/** Rows of panels as SVG. */
export function draw(rows: readonly (readonly Panel[])[], { title, legend, x, y }: Axes): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const width = edge.left + columns * panel.width + (columns - 1) * gap.x + edge.right;
  const height = edge.top + rows.length * panel.height + (rows.length - 1) * gap.y + edge.bottom;
  const placed = rows.flatMap((row, r) =>
    row.map((each, c) => ({
      ...each,
      left: edge.left + c * (panel.width + gap.x),
      top: edge.top + r * (panel.height + gap.y),
      isLeft: c === 0,
      isBottom: r === rows.length - 1,
    })),
  );
  const highest = Math.max(
    ...placed.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([, { high }]) => high))),
  );
  const text = { fontFamily, color: '#333' };
  const keys = (Object.keys(icons) as (keyof typeof icons)[]).flatMap((kind) =>
    legend[kind] === undefined ? [] : [{ kind, name: legend[kind] }],
  );
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle: { fontFamily },
    title: [
      { text: title, left: 'center', top: 8, textStyle: { ...text, fontSize: 16 } },
      ...placed.map((each) => ({
        text: each.title,
        left: each.left + panel.width / 2,
        top: each.top - 26,
        textAlign: 'center' as const,
        textStyle: { ...text, fontSize: 12, fontWeight: 'normal' as const },
      })),
    ],
    legend: {
      bottom: 8,
      itemWidth: 24,
      itemHeight: 11,
      itemGap: 24,
      data: [
        ...[...new Set(placed.flatMap(({ lines }) => lines.map(({ name }) => name)))].map((name) => ({
          name,
          icon: 'rect',
        })),
        ...keys.map(({ kind, name }) => ({ name, icon: icons[kind] })),
      ],
      textStyle: { ...text, fontSize: 12 },
    },
    grid: placed.map(({ left, top }) => ({ left, top, ...panel })),
    xAxis: placed.map(({ isBottom }, i) => ({
      type: 'value',
      gridIndex: i,
      min: x.min,
      max: x.max,
      ...(x.interval && { interval: x.interval }),
      name: isBottom ? x.name : '',
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: text,
      axisLabel: { ...text, fontSize: 10 },
      axisLine: { onZero: false },
    })),
    yAxis: placed.map(({ isLeft }, i) => ({
      type: 'value',
      gridIndex: i,
      min: 0,
      max: y.max ?? Math.ceil(highest),
      name: isLeft ? y.name : '',
      nameLocation: 'middle',
      nameGap: 38,
      nameTextStyle: text,
      axisLabel: { ...text, fontSize: 10 },
    })),
    series: [
      ...placed.flatMap(({ lines }, i) => lines.flatMap((each) => [band(each, i), line(each, i)])),
      // Nothing but an entry of the legend.
      ...keys.map(({ kind, name }): Series => {
        const opacity = kind === 'band' ? bandOpacity : 1;
        return { type: 'line', name, data: [], color: neutral, itemStyle: { color: neutral, opacity } };
      }),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
