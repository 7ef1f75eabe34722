import * as echarts from 'echarts';
import { isFloor } from './contenders';
import { type Run, titleOf } from './run';
import { isCharted } from './variants';

/** Colour-blind safe (Okabe and Ito, 2008), but for their yellow, which is too light for a line. */
const colors = ['#000000', '#e69f00', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9'];
const floorColor = '#888888';
/** A contender has a colour, and where these run out another symbol. */
const symbols = ['circle', 'rect', 'triangle', 'diamond'];

const width = 760;
const titleHeight = 56;
const font = { fontFamily: 'sans-serif', color: '#333' };

const contenderOf = (lane: string) => lane.replace(/ ×\d+$/, '');

const lanesOf = (results: Run['results']) => [
  ...new Set(results.flatMap(({ timings }) => Object.keys(timings))),
];

/** By lane how it is drawn: alike in all charts, in its contender's colour, and hollow where that has come before. */
export function stylesOf({ results }: Run) {
  const lanes = lanesOf(results);
  const contenders = [...new Set(lanes.filter((name) => !isFloor(name)).map(contenderOf))];
  const seen = new Set<string>();
  const styles = lanes.map((name) => {
    const contender = contenderOf(name);
    const index = contenders.indexOf(contender);
    const isFirst = !seen.has(contender);
    seen.add(contender);
    const color = index < 0 ? floorColor : colors[index % colors.length]!;
    const style = {
      name: isFloor(name) ? `${name} (floor, dashed)` : name,
      symbol: symbols[Math.max(0, Math.floor(index / colors.length)) % symbols.length]!,
      symbolSize: 7,
      color,
      lineStyle: {
        color,
        width: isFirst ? 2 : 1,
        type: isFloor(name) ? ('dashed' as const) : ('solid' as const),
      },
      itemStyle: { color: isFirst ? color : '#fff', borderColor: color, borderWidth: 1.5 },
    };
    return [name, style] as const;
  });
  return new Map(styles);
}

/** `height` without the title. */
function draw(title: string, run: Run, height: number, option: echarts.EChartsOption): string {
  const size = { width, height: titleHeight + height };
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle: font,
    title: {
      text: title,
      subtext: titleOf(run),
      left: 'center',
      top: 4,
      itemGap: 4,
      textStyle: { ...font, fontSize: 15 },
      subtextStyle: { ...font, fontSize: 12 },
    },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Two digits and a unit at most: for axes, whose marks are powers of ten. */
function mark(microseconds: number): string {
  const [unit, scale] =
    microseconds < 1e3
      ? (['µs', 1] as const)
      : microseconds < 1e6
        ? (['ms', 1e3] as const)
        : (['s', 1e6] as const);
  return `${Number((microseconds / scale).toPrecision(2))} ${unit}`;
}

const axisName = { nameLocation: 'middle' as const, nameTextStyle: { ...font, fontSize: 12 } };

/** Time against R on log axes, a line for each lane; the floors are dashed. None where the run has no sweep. */
export function sweepChart(run: Run): string | undefined {
  const sweep = run.results.filter(({ spec }) => isCharted(spec));
  if (sweep.length === 0) return undefined;
  const lanes = lanesOf(sweep).filter(
    (name) => !isFloor(name) || contenderOf(name) === contenderOf(run.lanes.floor),
  );
  const styles = stylesOf(run);
  return draw('Time of a step of all terms against the number of RoIs', run, 440, {
    legend: { bottom: 4, itemWidth: 32, itemGap: 18, textStyle: { ...font, fontSize: 12 } },
    grid: { left: 80, right: 30, top: titleHeight, bottom: 104 },
    xAxis: { type: 'log', logBase: 4, name: 'R', nameGap: 26, ...axisName },
    yAxis: { type: 'log', name: 'time', nameGap: 56, ...axisName, axisLabel: { formatter: mark } },
    series: lanes.map((name) => ({
      ...styles.get(name)!,
      type: 'line',
      data: sweep.flatMap(({ spec, timings }) => {
        const timing = timings[name];
        return timing ? [[spec.sizes.rois, timing.median]] : [];
      }),
    })),
  });
}

const rowHeight = 19;

/** How many times our time a peer takes; on the CPU each on one thread. None where there was no peer. */
export function speedUpChart(run: Run): string | undefined {
  const { ours } = run.lanes;
  const isPeer = (name: string) => /^(torch|tfjs|plain|Liger|apex)/.test(name) && !/×(?!1$)/.test(name);
  const rows = run.results
    .filter(({ spec, timings }) => spec.group !== 'sweep' && Object.keys(timings).some(isPeer))
    .reverse();
  if (rows.length === 0) return undefined;
  const styles = stylesOf(run);
  const longest = Math.max(...rows.map(({ spec }) => spec.name.length));
  return draw(
    `How many times as long as roi-loss (${ours}) the others take`,
    run,
    rows.length * rowHeight + 100,
    {
      legend: { bottom: 4, itemGap: 18, textStyle: { ...font, fontSize: 12 } },
      grid: { left: 20 + 7 * longest, right: 40, top: titleHeight, bottom: 84 },
      yAxis: {
        type: 'category',
        data: rows.map(({ spec }) => spec.name),
        axisLabel: { interval: 0, fontSize: 12 },
        axisTick: { show: false },
        splitLine: { show: true, lineStyle: { color: '#eee' } },
      },
      xAxis: {
        type: 'log',
        name: 'times as long; to the right the others are slower',
        nameGap: 28,
        ...axisName,
      },
      series: lanesOf(rows)
        .filter(isPeer)
        .map((peer) => ({
          ...styles.get(peer)!,
          type: 'scatter',
          symbolSize: 10,
          data: rows.flatMap(({ spec, timings }) => {
            const [theirs, mine] = [timings[peer], timings[ours]];
            return theirs && mine ? [[Number((theirs.median / mine.median).toPrecision(3)), spec.name]] : [];
          }),
        })),
    },
  );
}
