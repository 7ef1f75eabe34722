import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// The vector functions behind the formulas, built for each instruction set and walked over the whole range of floats.
// Every 61st is tried; `build/native-tests/math_avx2 1` tries all.

interface Walk {
  readonly name: string;
  readonly tried?: number;
  readonly notFinite?: number;
  readonly ulps?: number;
  readonly nan?: boolean;
}

/** As the docstrings in native/cpu/math.h promise; the others follow from these two. */
const bounds: { readonly [name: string]: number } = {
  'exp_nonpositive down to −16': 1.5,
  'exp_nonpositive below': 5,
  log1p_nonnegative: 3,
  sigmoid_tail: 5,
  'sigmoid_tail of negatives': 5,
  softplus: 3,
  'softplus of negatives': 5,
};

const root = join(__dirname, '..');
const build = join(root, 'build', 'native-tests');

function isUsable(simd: string): boolean {
  const before = process.env.ROI_LOSS_SIMD;
  process.env.ROI_LOSS_SIMD = simd;
  try {
    openDevice('cpu', { threads: 1 }).dispose();
    return true;
  } catch {
    return false;
  } finally {
    if (before === undefined) delete process.env.ROI_LOSS_SIMD;
    else process.env.ROI_LOSS_SIMD = before;
  }
}

function walk(simd: string): Walk[] {
  execFileSync('cmake', ['--build', build, '--target', `math_${simd}`]);
  const lines = execFileSync(join(build, `math_${simd}`), ['61'], { encoding: 'utf8' });
  return lines
    .trim()
    .split('\n')
    .map((line): Walk => JSON.parse(line));
}

const test = suite('math');

execFileSync('cmake', ['-S', root, '-B', build]);
for (const simd of ['avx512', 'avx2', 'baseline']) {
  if (!isUsable(simd)) {
    console.log(`skipped: ${simd} math — this machine does not have it`);
    test.skip(simd);
    continue;
  }
  test(`${simd}: errors stay within their bounds, NaN stays NaN`, () => {
    const walks = walk(simd);
    for (const { name, tried, notFinite, ulps } of walks.filter((result) => result.ulps !== undefined)) {
      assert.ok((tried as number) > 1e7, `${name}: too few floats tried`);
      assert.is(notFinite, 0, `${name}: not finite`);
      assert.ok((ulps as number) <= (bounds[name] as number), `${name}: ${ulps} ulps`);
    }
    const nans = walks.filter((result) => result.nan !== undefined);
    assert.is(nans.length, 4);
    for (const { name, nan } of nans) assert.ok(nan, `${name}: a NaN gave a number`);
  });
}

test.run();
