import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { performAll } from '../../examples/noisy-masks/pool';
import { curveChart, lossChart, thresholdChart } from '../../examples/noisy-masks/report/charts';
import { findingsOf, sectionOf } from '../../examples/noisy-masks/report/findings';
import { writePictures } from '../../examples/noisy-masks/report/output';
import { spreadOf, summarise } from '../../examples/noisy-masks/report/summary';
import { tableOf } from '../../examples/noisy-masks/report/table';
import type { Result } from '../../examples/noisy-masks/run';
import { lossNames, quick, type Run } from '../../examples/noisy-masks/settings';
import { Store } from '../../examples/noisy-masks/store';

const test = suite('runs of the experiment');

const folder = mkdtempSync(join(tmpdir(), 'roi-loss-experiment-'));
test.after(() => rmSync(folder, { recursive: true }));

const settings = {
  ...quick,
  steps: 3,
  points: 3,
  batch: 8,
  scenes: { train: 4, validation: 1, test: 2 },
};
const run: Run = { loss: 'mixture', noise: 0.5, seed: 1 };

/** Without what the clock says. */
const timeless = ({ seconds, ...rest }: Result) => rest;

let made: Result | undefined;

test('two processes perform the same run alike, and its result is kept', async () => {
  const store = new Store(folder, settings);
  const results: Result[] = [];
  const losses: number[] = [];
  await performAll([run, run], settings, 2, {
    onStep: (loss) => losses.push(loss),
    onResult: (result) => results.push(result),
  });
  assert.is(losses.length, 2 * settings.steps);
  assert.equal(timeless(results[0]!), timeless(results[1]!));
  [made] = results;
  assert.is(store.read(run), undefined);
  store.write(made!);
  assert.equal(store.read(run), made);
  assert.is(new Store(folder, { ...settings, steps: 4 }).read(run), undefined);
});

test('a run that fails is named, and ends all', async () => {
  const wrong = { ...run, loss: 'other' as 'bce' };
  try {
    await performAll([wrong], { ...settings, batch: -1 }, 1, { onStep() {}, onResult() {} });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /^other-noise-0.5-seed-1: ./);
  }
});

/** Results of all losses at two levels, whose AP is 0.85 + what `better` says. */
function resultsWith(better: (run: Run) => number, seeds: number): Result[] {
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    [0, 0.5].flatMap((noise) =>
      lossNames.map((loss) => {
        const own = { loss, noise, seed };
        const ap = made!.scores.ap.map(() => 0.85 + better(own));
        return { ...made!, run: own, scores: { ...made!.scores, ap } };
      }),
    ),
  );
}

const time = { stepMs: 100, lossMs: 1 };
const about = { machine: 'a machine', date: '2000-01-01', shares: { fused: time, plain: time } };

test('the spread over seeds', () => {
  assert.equal(spreadOf([1, 2, 3]), { mean: 2, deviation: 1, low: 1, high: 3 });
  assert.is(spreadOf([4]).deviation, 0);
});

test('a difference that is the same for all seeds is significant, one that the seeds contradict is not', () => {
  const better = ({ loss, noise, seed }: Run) => {
    if (loss === 'mixture') return noise > 0 ? 0.1 + 0.001 * seed : 0;
    return loss === 'dice' ? 0.1 * (seed - 2) : 0;
  };
  const summary = summarise(resultsWith(better, 3), settings, about);
  const { mean, halfWidth } = summary.differences.find(({ loss, noise }) => loss === 'mixture' && noise > 0)!;
  assert.ok(Math.abs(mean - 0.102) < 1e-12);
  // t of two degrees of freedom times the standard error.
  assert.ok(Math.abs(halfWidth! - (4.303 * 0.001) / Math.sqrt(3)) < 1e-12);
  const said = findingsOf(summary).join('\n');
  assert.match(said, /mixture against bce: significantly better \(noise 0.5\); not significantly different/);
  assert.match(said, /dice against bce: not significantly different/);
  assert.match(said, /differs from PhagoPred/);
  assert.match(
    findingsOf(
      summarise(
        resultsWith(() => 0, 3),
        settings,
        about,
      ),
    ).join(),
    /agrees with PhagoPred/,
  );
  assert.match(
    findingsOf(
      summarise(
        resultsWith(() => 0, 1),
        settings,
        about,
      ),
    ).join(),
    /cannot be told/,
  );
  assert.match(
    findingsOf(
      summarise(
        resultsWith(() => -0.5, 3),
        settings,
        about,
      ),
    ).join(),
    /say nothing/,
  );
});

test('pictures and summary are written whole', () => {
  const results = resultsWith(({ seed }) => 0.01 * seed, 2);
  const summary = summarise(results, settings, about);
  const out = join(folder, 'pictures');
  const paths = writePictures(out, summary, results, settings);
  assert.is(paths.length, 8);
  for (const path of paths) {
    const bytes = readFileSync(path);
    if (path.endsWith('.png')) assert.is(bytes.subarray(1, 4).toString('latin1'), 'PNG');
    else assert.match(bytes.toString(), /^<svg.*<\/svg>\s*$/s);
  }
  assert.equal(
    readdirSync(out).filter((name) => name.endsWith('.new')),
    [],
  );
  const legends = {
    losses: ['L_cls + L_box + L_mask', 'L_mask alone'],
    curves: ['mask IoU 0.5', 'mask IoU 0.75'],
  };
  for (const [name, words] of Object.entries({ ...legends, thresholds: [] }))
    for (const word of [...words, 'least to most of 2 seeds'])
      assert.match(readFileSync(join(out, `${name}.svg`), 'utf8'), `>${word}</text>`);
  const sheet = readFileSync(join(out, 'sheet.svg'), 'utf8');
  for (const word of ['right', 'too much', 'missing']) assert.match(sheet, `>${word}</text>`);
  // Greys of the pictures apart: the ground, and right, too much and missing.
  assert.is(new Set(sheet.match(/fill="#\w{6}"/g)).size, 4);
  assert.is(tableOf(summary).rows.length, 8);
  assert.match(sectionOf(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))), /results\/sheet\.svg/);
});

test('the charts that are kept are those of the summary that is kept', () => {
  const folder = join(__dirname, '..', '..', 'examples', 'noisy-masks', 'results');
  const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
  // Without the names that the library counts up.
  const plain = (svg: string) => svg.replaceAll(/zr\d+-[a-z]+-?\d+/g, '');
  for (const [name, chart] of Object.entries({
    losses: lossChart,
    thresholds: thresholdChart,
    curves: curveChart,
  }))
    assert.ok(plain(readFileSync(join(folder, `${name}.svg`), 'utf8')) === plain(chart(summary)), name);
});

test('the README shows the results that are kept', () => {
  const example = join(__dirname, '..', '..', 'examples', 'noisy-masks');
  const kept = join(example, 'results', 'summary.json');
  const section = existsSync(kept) ? `${sectionOf(JSON.parse(readFileSync(kept, 'utf8')))}\n` : '';
  const readme = readFileSync(join(example, 'README.md'), 'utf8');
  assert.ok(readme.includes(`<!-- results -->\n${section}<!-- /results -->`));
});

test.run();
