import * as echarts from 'echarts';
import { isFloor } from './contenders';
import { type Run, titleOf } from './output';
import { formatTime } from './table';
import { isCharted } from './variants';

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

/** Time against R on log axes, a line for each lane; the floors are dashed. None where the run has no sweep. */
export function sweepChart(run: Run): string | undefined {
  const sweep = run.results.filter(({ spec }) => isCharted(spec));
  if (sweep.length === 0) return undefined;
  const lanes = [...new Set(sweep.flatMap(({ timings }) => Object.keys(timings)))].filter(
    (name) => !isFloor(name) || name.startsWith(run.lanes.floor.replace(/ ×\d+$/, '')),
  );
  return draw({
    title: { text: `A step of all terms, ${titleOf(run)}`, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 40, bottom: 80 },
    xAxis: { type: 'log', logBase: 4, name: 'R', nameLocation: 'middle', nameGap: 25 },
    yAxis: { type: 'log', name: 'a step', axisLabel: { formatter: (value: number) => formatTime(value) } },
    series: lanes.map((name) => ({
      type: 'line',
      name,
      lineStyle: { type: isFloor(name) ? 'dashed' : 'solid' },
      data: sweep.flatMap(({ spec, timings }) => {
        const timing = timings[name];
        return timing ? [[spec.sizes.rois, timing.median]] : [];
      }),
    })),
  });
}

/** How many times our time a peer takes; on the CPU each on one thread. None where there was no peer. */
export function speedUpChart(run: Run): string | undefined {
  const { ours } = run.lanes;
  const isPeer = (name: string) => /^(torch|tfjs|plain|Liger|apex)/.test(name) && !/×(?!1$)/.test(name);
  const rows = run.results
    .filter(({ spec, timings }) => spec.group !== 'sweep' && Object.keys(timings).some(isPeer))
    .reverse();
  if (rows.length === 0) return undefined;
  const peers = [...new Set(rows.flatMap(({ timings }) => Object.keys(timings).filter(isPeer)))];
  return draw({
    title: { text: `Times as long as ${ours}, ${titleOf(run)}`, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0 },
    grid: { left: 230, right: 30, top: 40, bottom: 60 },
    yAxis: { type: 'category', data: rows.map(({ spec }) => spec.name) },
    xAxis: { type: 'log', name: '× faster', nameLocation: 'middle', nameGap: 25, min: 1 },
    series: peers.map((peer) => ({
      type: 'bar',
      name: peer,
      data: rows.map(({ timings }) => {
        const [theirs, mine] = [timings[peer], timings[ours]];
        return theirs && mine ? Number((theirs.median / mine.median).toPrecision(3)) : '-';
      }),
    })),
  });
}
