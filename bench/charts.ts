import * as echarts from 'echarts';
import { sizeOfSweep } from './cases';
import { formatTime } from './table';
import type { Result } from './targets';

const size = { width: 760, height: 420 };
/** One more than the library has, so that no two lanes are alike. */
const color = [
  ...['#5470c6', '#91cc75', '#fac858', '#ee6666', '#73c0de'],
  ...['#3ba272', '#fc8452', '#9a60b4', '#ea7ccc', '#6e7079'],
];

function draw(option: echarts.EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption({ animation: false, backgroundColor: '#fff', color, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Time against R on log axes, a line for each lane; the floors are dashed. */
export function sweepChart(results: readonly Result[], title: string): string {
  const sweep = results.filter(({ spec }) => spec.group === 'sweep');
  const lanes = [...new Set(sweep.flatMap(({ timings }) => Object.keys(timings)))].filter(
    (name) => !name.startsWith('copy'),
  );
  return draw({
    title: { text: title, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 40, bottom: 80 },
    xAxis: { type: 'log', logBase: 4, name: 'R', nameLocation: 'middle', nameGap: 25 },
    yAxis: { type: 'log', name: 'a step', axisLabel: { formatter: (value: number) => formatTime(value) } },
    series: lanes.map((name) => ({
      type: 'line',
      name,
      lineStyle: { type: name.startsWith('a + b') ? 'dashed' : 'solid' },
      data: sweep.flatMap(({ spec, timings }) => {
        const timing = timings[name];
        return timing ? [[sizeOfSweep(spec), timing.median]] : [];
      }),
    })),
  });
}

/** How many times our time on one thread a peer takes on one thread. */
export function speedUpChart(results: readonly Result[], title: string): string {
  const rows = results.filter(({ spec }) => spec.group !== 'sweep' && !spec.alone).reverse();
  const peers = ['torch ×1', 'tfjs wasm ×1', 'tfjs cpu ×1', 'plain ×1'];
  return draw({
    title: { text: title, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0 },
    grid: { left: 170, right: 30, top: 40, bottom: 60 },
    yAxis: { type: 'category', data: rows.map(({ spec }) => spec.name) },
    xAxis: { type: 'log', name: '× faster', nameLocation: 'middle', nameGap: 25, min: 1 },
    series: peers
      .filter((peer) => rows.some(({ timings }) => timings[peer]))
      .map((peer) => ({
        type: 'bar',
        name: peer,
        data: rows.map(({ timings }) => {
          const [theirs, ours] = [timings[peer], timings['handles ×1']];
          return theirs && ours ? Number((theirs.median / ours.median).toPrecision(3)) : '-';
        }),
      })),
  });
}
