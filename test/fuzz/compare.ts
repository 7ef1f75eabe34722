import type { FloatType, GradName, Losses } from 'roi-loss';
import * as assert from 'uvu/assert';
import { type Reference, referenceLoss } from '../../lib/reference';
import { gradTolerance, lossTolerance } from '../../lib/reference/accuracy';
import { sharesOf } from '../../lib/reference/mask';
import type { TermName } from '../../lib/terms';
import { halves } from '../support/half';
import { maskOptions } from '../support/kinds';
import type { Problem } from './problems';

/** Below this a float32 has fewer digits, or none. */
const underflow = 1e-36;

/** What numbers that are too small for float32 are multiplied by in a term: dice and its like have such a mismatch over their eps. */
function magnification({ options }: Problem, term: TermName): number {
  if (term !== 'mask') return 1;
  const shares = sharesOf(options.mask ?? {}).filter(({ name }) =>
    maskOptions(name).some((option) => option.name === 'eps'),
  );
  return shares.reduce((sum, { weight, options: { eps = 1e-6 } }) => sum + weight / eps, 1);
}

const floats = { from: (x: number) => x, to: Math.fround, epsilon: 0 };

const termOf = { classLogits: 'class', classProbs: 'class', boxDeltas: 'box', maskLogits: 'mask' } as const;

const classWeightsOf = ({ options }: Problem) => options.class?.classWeights;

/** What the losses of a term's RoIs are multiplied by. */
function lossScaleOf(p: Problem, term: TermName): number {
  const { inputs, options } = p;
  const { weight = 1, reduction = 'mean', normalizer } = { ...options, ...options[term] };
  const labels = (term === 'mask' && inputs.maskLabels) || inputs.labels || [];
  const counted = Array.from(labels).filter((u) => u >= (term === 'mask' ? 1 : 0));
  const count = () =>
    term === 'class' ? counted.reduce((sum, u) => sum + (classWeightsOf(p)?.[u] ?? 1), 0) : counted.length;
  const divisor = reduction === 'mean' ? (normalizer ?? count()) : 1;
  return divisor > 0 ? Math.abs(weight / divisor) : 0;
}

/**
 * What a term's gradients are differences of, such as σ(z) − y: where they cancel, an error of 1e-6 of this is as
 * documented.
 */
function scaleOf(p: Problem, term: TermName): number {
  const { options, maskSize } = p;
  const { gradScale = 1, backward = 1 } = { ...options, ...options[term] };
  const upstream = typeof backward === 'number' ? backward : Math.max(...backward.map(Math.abs));
  const natural = {
    class: () => Math.max(...(classWeightsOf(p) ?? [1])),
    box: () => 1,
    mask: () =>
      sharesOf(options.mask ?? {}).reduce((sum, { weight }) => sum + weight, 0) / (maskSize[0] * maskSize[1]),
  };
  return lossScaleOf(p, term) * Math.abs(gradScale * upstream * natural[term]());
}

export const expectedOf = ({ inputs, options, classes, maskSize }: Problem): Reference =>
  referenceLoss(inputs, { ...options, classes, maskSize });

/** Of a RoI or of all. Relative; NaN where NaN is due. Huge inputs may make a NaN of a number. */
export function assertLoss(p: Problem, term: TermName, actual: number, expected: number, what: string): void {
  if (Number.isNaN(actual) && (p.huge || Number.isNaN(expected))) return;
  const least = underflow * Math.max(1, lossScaleOf(p, term) * magnification(p, term));
  // What is beyond float32 may be its infinity.
  const close =
    actual === Math.fround(expected) ||
    Math.abs(actual - expected) <= lossTolerance * Math.abs(expected) + least;
  assert.ok(close, `${what} is ${actual}; expected ${expected}`);
}

export function assertLossesOf(p: Problem, actual: Losses, { losses, perRoi }: Reference): void {
  for (const term of ['class', 'box', 'mask'] as const) {
    if (!perRoi[term]) assert.is(actual[term], 0, `losses.${term}`);
    else assertLoss(p, term, actual[term], losses[term], `losses.${term}`);
  }
  assert.equal(actual.total, actual.class + actual.box + actual.mask, 'losses.total');
}

export function assertPerRoi(p: Problem, actual: Float32Array, expected: Float64Array, term: TermName): void {
  assert.is(actual.length, expected.length, `perRoi.${term}: lengths differ`);
  actual.forEach((loss, r) => {
    assertLoss(p, term, loss, expected[r] as number, `perRoi.${term}[${r}]`);
  });
}

/** As close as documented, but in the rows of RoIs whose loss is NaN, where nothing is promised. */
export function assertGrad(
  p: Problem,
  name: GradName,
  dtype: FloatType,
  bits: ArrayLike<number>,
  { grads, perRoi }: Reference,
): void {
  const expected = grads[name] as Float64Array;
  const losses = perRoi[termOf[name]] as Float64Array;
  assert.is(bits.length, expected.length, `grads.${name}: lengths differ`);
  const size = expected.length / losses.length;
  const counts = (i: number) => Number.isFinite(losses[Math.floor(i / size)]);
  const { from, to, epsilon } = dtype === 'float32' ? floats : halves[dtype];
  const scale = expected.reduce(
    (max, g, i) => (counts(i) ? Math.max(max, Math.abs(g)) : max),
    scaleOf(p, termOf[name]),
  );
  // The subnormals of float16 are 2^-24 apart.
  const subnormal = dtype === 'float16' ? 2 ** -24 : 0;
  const least = Math.max(subnormal, underflow * Math.max(1, scale) * magnification(p, termOf[name]));
  for (let i = 0; i < expected.length; i++) {
    if (!counts(i)) continue;
    const [x, g] = [from(bits[i] as number), expected[i] as number];
    if (p.huge && Number.isNaN(x)) continue;
    const close =
      x === from(to(g)) || Math.abs(x - g) <= gradTolerance * scale + 1.01 * epsilon * Math.abs(g) + least;
    assert.ok(close, `grads.${name}[${i}] is ${x}; expected ${g}, at a scale of ${scale}`);
  }
}
