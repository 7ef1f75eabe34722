import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../bench/arguments';
import { bytesOf, type Case } from '../../bench/cases';
import { speedUpChart, stylesOf, sweepChart } from '../../bench/charts';
import { changesOf, formatChanges } from '../../bench/compare';
import { mergeResults, mergeVerdicts } from '../../bench/merge';
import { disagreement } from '../../bench/outcome';
import { Torch } from '../../bench/peers/torch';
import type { Run } from '../../bench/run';
import { summarize, type Timing } from '../../bench/statistics';
import { type Result, type Verdict, verdictsOf } from '../../bench/targets';
import { quick } from '../../bench/timing';
import { cases } from '../../bench/variants';
import { formatDuration } from '../../common/duration';

// What the benchmarks make of the times that they take. No time is taken here.

const timing = (median: number, spread = 0.02): Timing => ({
  median,
  low: median * (1 - spread),
  high: median * (1 + spread),
  samples: 15,
});
const spec: Case = {
  name: 'made up',
  group: 'variant',
  sizes: { rois: 2, classes: 3 },
  foreground: 1,
  options: {},
};
const resultOf = (timings: Result['timings']): Result => ({ spec, bytes: 1, timings });

const compare = suite('compare');

compare('a change larger than the noise is told, with its size', () => {
  const before = { 'handles ×1': timing(100), 'a + b ×1': timing(10) };
  assert.equal(changesOf(before, { ...before, 'handles ×1': timing(130) }), { 'handles ×1': 1.3 });
  assert.equal(changesOf(before, { ...before, 'handles ×1': timing(80) }), { 'handles ×1': 0.8 });
  const table = formatChanges([resultOf(before)], [resultOf({ ...before, 'handles ×1': timing(130) })], 100)!;
  assert.match(table, /made up +handles ×1 +100 µs +130 µs +1\.30× +SLOWER/);
});

compare('what is within the quartiles, or small, is not', () => {
  const before = { 'handles ×1': timing(100), 'a + b ×1': timing(10) };
  assert.equal(changesOf(before, before), {});
  assert.equal(changesOf(before, { 'handles ×1': timing(104, 0.001) }), {}, 'less than is ever told');
  assert.equal(changesOf(before, { 'handles ×1': timing(130, 0.3) }), {}, 'quartiles that overlap');
  assert.equal(formatChanges([resultOf(before)], [resultOf(before)], 100), undefined);
});

compare('a machine that is slower for the floor as well has itself changed', () => {
  const before = { 'handles ×1': timing(100), 'handles ×2': timing(60), 'a + b ×1': timing(10) };
  const now = { 'handles ×1': timing(130), 'handles ×2': timing(78), 'a + b ×1': timing(13) };
  assert.equal(Object.keys(changesOf(before, now)), ['handles ×2', 'a + b ×1'], 'of as many threads');
  assert.equal(Object.keys(changesOf(before, { ...now, 'handles ×1': timing(150) }))[0], 'handles ×1');
});

compare('lanes and cases that one of both lacks are passed over', () => {
  assert.equal(changesOf({}, { 'handles ×1': timing(100) }), {});
  const other = { ...resultOf({ 'handles ×1': timing(1) }), spec: { ...spec, name: 'another' } };
  assert.equal(formatChanges([other], [resultOf({ 'handles ×1': timing(100) })], 100), undefined);
});

compare.run();

const merge = suite('several runs');

merge('times: the median of the medians, the spread of all', () => {
  const runs = [100, 300, 110].map((median) => [resultOf({ 'handles ×1': timing(median) })]);
  const [merged] = mergeResults(runs);
  assert.equal(merged!.timings['handles ×1'], { median: 110, low: 98, high: 306, samples: 45 });
  assert.equal(mergeResults([runs[0]!])[0]!.timings, runs[0]![0]!.timings);
});

merge('a lane that one run lacks is left out', () => {
  const runs = [[resultOf({ a: timing(1), b: timing(1) })], [resultOf({ a: timing(1) })]];
  assert.equal(Object.keys(mergeResults(runs)[0]!.timings), ['a']);
});

merge('a case that failed in one run is left out, and no other takes its place', () => {
  const of = (name: string, median: number) => ({
    ...resultOf({ a: timing(median) }),
    spec: { ...spec, name },
  });
  const merged = mergeResults([[of('x', 1), of('y', 5)], [of('y', 7)]]);
  assert.equal(
    merged.map((result) => [result.spec.name, result.timings.a!.median]),
    [['y', 6]],
  );
});

merge('verdicts: the median of the runs decides, and they tell where runs differ', () => {
  const verdict = (measured: number): Verdict[] => {
    const timings = { a: timing(measured), b: timing(1) };
    return verdictsOf([resultOf(timings)], [{ isFor: () => true, of: ['a', 'b'], atLeast: 5 }]);
  };
  const [merged] = mergeVerdicts([4.9, 6, 7].map(verdict));
  assert.equal([merged!.measured, merged!.met, merged!.close, merged!.range], [6, true, true, [4.9, 7]]);
  assert.is(mergeVerdicts([3, 4, 7].map(verdict))[0]!.met, false);
});

merge.run();

const table = suite('cases');

table('names are unlike, masks are of foreground RoIs, and all there is to cover is covered', () => {
  assert.is(new Set(cases.map(({ name }) => name)).size, cases.length);
  for (const { name, foreground, sizes } of cases)
    assert.ok(foreground <= sizes.rois && (sizes.maskRois ?? foreground) <= foreground, name);
  const covers = (what: string, values: readonly unknown[], of: (spec: Case) => unknown) => {
    const found = new Set(cases.map(of));
    for (const value of values) assert.ok(found.has(value), `no case with ${what} ${value}`);
  };
  covers('R', [1, 16384], ({ sizes }) => sizes.rois);
  covers('C', [2, 3, 21, 81, 1204], ({ sizes }) => sizes.classes);
  covers('masks of', [14, undefined, 56, 112], ({ sizes }) => sizes.maskSize?.[0]);
  covers('dtype', [undefined, 'float16', 'bfloat16'], ({ sizes }) => sizes.dtype);
  covers('maskGrad', [undefined, 'compact'], ({ sizes }) => sizes.maskGrad);
  covers('grad', [undefined, false], ({ options }) => options.grad);
});

table(
  'bytes: each mask pixel is read twice and written once, and once more where a channel is cleared',
  () => {
    const mask = { rois: 8, classes: 81, terms: ['mask'] } as const;
    const of = (more: Partial<Case>) => bytesOf({ ...spec, foreground: 8, sizes: mask, ...more }) / 4;
    assert.is(of({}), 8 + 8 * 784 * 3);
    assert.is(of({ newLabels: true }), 8 + 8 * 784 * 4);
    assert.is(of({ newLabels: true, sizes: { ...mask, maskGrad: 'compact' } }), 8 + 8 * 784 * 3);
    assert.is(of({ sizes: { ...mask, rewrite: true } }), 8 + 8 * 784 * (2 + 81));
    assert.is(of({ options: { grad: false } }), 8 + 8 * 784 * 2);
  },
);

table.run();

const parts = suite('parts');

parts('what disagrees is named, a NaN too', () => {
  const grads = (...x: number[]) => ({ boxDeltas: Float32Array.from(x) });
  assert.is(disagreement({ loss: 1, grads: grads(1, 2) }, { loss: 1, grads: grads(1, 2) }, 1e-5), undefined);
  assert.match(disagreement({ loss: 2, grads: {} }, { loss: 1, grads: {} }, 1e-5)!, 'the loss is off by 1');
  for (const wrong of [grads(1, Number.NaN), grads(1), {}])
    assert.match(
      disagreement({ loss: 1, grads: wrong }, { loss: 1, grads: grads(1, 2) }, 1e-5)!,
      'boxDeltas',
    );
});

const results = join(__dirname, '..', '..', 'bench', 'results');
const stored = readdirSync(results).find((name) => name.endsWith('.json'))!;
const published: Run = JSON.parse(readFileSync(join(results, stored), 'utf8'));

parts('a chart names each of its rows and lanes, and shows no two lanes alike', () => {
  const speedUps = speedUpChart(published)!;
  for (const { spec, timings } of published.results)
    if (spec.group !== 'sweep' && timings['torch ×1']) assert.match(speedUps, `>${spec.name}</text>`);
  assert.match(speedUps, 'How many times as long as roi-loss');
  assert.match(speedUps, 'to the right the others are slower');
  const sweep = sweepChart(published)!;
  assert.match(sweep, '>a + b ×1 (floor, dashed)</text>');
  assert.match(sweep, '>time</text>');
  // Of the floors, which are alike, a chart shows one.
  const shown = [...stylesOf(published).values()].filter(({ name }) => !name.startsWith('copy'));
  const styles = shown.map(({ name, ...style }) => JSON.stringify(style));
  assert.is(new Set(styles).size, styles.length);
});

parts('the charts that are kept are those of the run that is kept', () => {
  // Without the names that the library counts up.
  const plain = (svg: string) => svg.replaceAll(/zr\d+-[a-z]+-?\d+/g, '');
  for (const [name, chart] of [
    ['sweep', sweepChart],
    ['speed-ups', speedUpChart],
  ] as const) {
    const kept = readFileSync(join(results, stored.replace('.json', `-${name}.svg`)), 'utf8');
    assert.is(plain(kept), plain(chart(published)!), name);
  }
});

parts('quartiles', () => {
  assert.equal(summarize([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4, samples: 5 });
});

parts('no part of a duration is a whole of the next', () => {
  assert.is(formatDuration(8.4), '8 s');
  assert.is(formatDuration(59.6), '1 min 0 s');
  assert.is(formatDuration(538), '8 min 58 s');
  assert.is(formatDuration(3599.6), '1 h 0 min');
  assert.is(formatDuration(7949), '2 h 12 min');
  for (let seconds = 0; seconds < 11_000; seconds += 0.5)
    assert.not.match(formatDuration(seconds), /\b60 s|\b60 min/);
  for (const unknown of [Number.NaN, Number.POSITIVE_INFINITY]) assert.is(formatDuration(unknown), '–');
});

/** Answers as pytorch.py does, and ends where boxes are asked for. */
const python = `#!/bin/sh
echo '{"description": "made up", "absent": {}, "cuda": false}'
while read -r line; do
  case $line in
    *boxDeltas*) exit 1 ;;
    *prepare*) echo '{"torch": {"absent": "made up"}}' ;;
    *) echo '{}' ;;
  esac
done
`;

parts('a Python that ends costs one case, and another is started', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));
  try {
    process.env.ROI_LOSS_PYTHON = join(folder, 'python3');
    writeFileSync(process.env.ROI_LOSS_PYTHON, python, { mode: 0o755 });
    const { torch, about } = (await Torch.start())!;
    assert.is(about.description, 'made up');
    const options = { device: 'cpu', threads: [1], cache: 1, effort: quick, tolerance: 0 } as const;
    const expected = { loss: 0, grads: {} };
    const absent = [];
    for (const name of ['boxDeltas', 'classLogits'])
      absent.push(
        (
          await torch.measure(
            spec,
            { labels: new Int32Array(2), [name]: new Float32Array(2) },
            { ...options, expected },
          )
        ).absent,
      );
    assert.equal(absent, [{ torch: 'PyTorch ended; what it said stands above' }, { torch: 'made up' }]);
    torch[Symbol.dispose]();
  } finally {
    delete process.env.ROI_LOSS_PYTHON;
    rmSync(folder, { recursive: true });
  }
});

parts('options that cannot be are refused by name', () => {
  assert.is(parseArguments(['--runs', '3']).runs, 3);
  for (const runs of ['0', 'x', '1.5']) assert.throws(() => parseArguments(['--runs', runs]), /--runs is/);
  assert.throws(() => parseArguments(['--device', 'tpu']), /--device is 'tpu'/);
  assert.throws(() => parseArguments(['--peers', 'jax']), /--peers is 'jax'; expected 'all', 'none'/);
  assert.equal(parseArguments(['--filter', 'a', '--filter', 'b']).filter, ['a', 'b']);
});

parts.run();
