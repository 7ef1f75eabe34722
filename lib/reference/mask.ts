import type { MaskKind, MaskLossOptions, MaskMixture } from '../types';
import type { RoiTerm } from './class';

/** σ(z), and 1 − σ(z) = σ(−z), each without cancellation. */
const sigmoid = (z: number) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** What a pixel's mask target is and what it lacks of 1, each without cancellation. */
interface Target {
  readonly y: number;
  readonly missing: number;
}

/** Mean over pixels of max(z, 0) − z·y + log(1 + e^−|z|), derivative (σ(z) − y) / pixels; by the side of 0 on which z is. */
function bceAgainst(z: Float64Array, target: (i: number) => Target): RoiTerm {
  const n = z.length;
  const pixel = (zi: number, { y, missing }: Target) =>
    (zi >= 0 ? zi * missing : -zi * y) + Math.log1p(Math.exp(-Math.abs(zi)));
  const derivative = (zi: number, { y, missing }: Target) =>
    zi >= 0 ? missing - sigmoid(-zi) : sigmoid(zi) - y;
  return {
    loss: z.reduce((sum, zi, i) => sum + pixel(zi, target(i)), 0) / n,
    grad: z.map((zi, i) => derivative(zi, target(i)) / n),
  };
}

/** Against y·(1 − s) + s/2; smoothing moves y and 1 − y alike. */
function smoothedBce(z: Float64Array, y: Float64Array, smoothing: number): RoiTerm {
  const smoothed = (x: number) => x * (1 - smoothing) + smoothing / 2;
  return bceAgainst(z, (i) => ({ y: smoothed(y[i] as number), missing: smoothed(1 - (y[i] as number)) }));
}

const bce = (z: Float64Array, y: Float64Array) => smoothedBce(z, y, 0);

/** 1 − (2 Σσy + ε) / (Σσ + Σy + ε), written as Σ(σ + y − 2σy) / (Σσ + Σy + ε). */
function dice(z: Float64Array, y: Float64Array, eps: number): RoiTerm {
  let mismatch = 0;
  let total = 0;
  let twiceIntersection = 0;
  z.forEach((zi, i) => {
    const yi = y[i] as number;
    mismatch += sigmoid(zi) * (1 - yi) + yi * sigmoid(-zi);
    total += sigmoid(zi) + yi;
    twiceIntersection += 2 * sigmoid(zi) * yi;
  });
  const ratio = (twiceIntersection + eps) / (total + eps);
  return {
    loss: z.every(Number.isFinite) ? mismatch / (total + eps) : Number.NaN,
    grad: z.map((zi, i) => (sigmoid(zi) * sigmoid(-zi) * (ratio - 2 * (y[i] as number))) / (total + eps)),
  };
}

/** 1 − (TP + ε) / (TP + α·FP + β·FN + ε), written as (α·FP + β·FN) over the same denominator. */
function tversky(z: Float64Array, y: Float64Array, alpha: number, beta: number, eps: number): RoiTerm {
  let [right, wrong] = [eps, 0];
  z.forEach((zi, i) => {
    const yi = y[i] as number;
    right += sigmoid(zi) * yi;
    wrong += alpha * sigmoid(zi) * (1 - yi) + beta * sigmoid(-zi) * yi;
  });
  const total = right + wrong;
  return {
    loss: z.every(Number.isFinite) ? wrong / total : Number.NaN,
    grad: z.map((zi, i) => {
      const yi = y[i] as number;
      const bySigma =
        (alpha * (right / total) * (1 - yi) - (beta * (right / total) + wrong / total) * yi) / total;
      return sigmoid(zi) * sigmoid(-zi) * bySigma;
    }),
  };
}

export const maskKinds: {
  readonly [K in MaskKind]: (z: Float64Array, y: Float64Array, options: MaskLossOptions) => RoiTerm;
} = {
  bce,
  dice: (z, y, { eps = 1e-6 }) => dice(z, y, eps),
  'smoothed-bce': (z, y, { smoothing = 0.05 }) => smoothedBce(z, y, smoothing),
  tversky: (z, y, { alpha = 0.3, beta = 0.7, eps = 1e-6 }) => tversky(z, y, alpha, beta, eps),
};

/** The kinds of a mask loss, each with its weight and its options: its own before those of the term. */
export function sharesOf(options: MaskLossOptions) {
  const { kind = 'bce' } = options;
  const mixture: MaskMixture = typeof kind === 'string' ? { [kind]: 1 } : kind;
  return (Object.keys(mixture) as MaskKind[]).map((name) => {
    const share = mixture[name] ?? 0;
    return typeof share === 'number'
      ? { name, weight: share, options }
      : { name, weight: share.weight, options: { ...options, ...share } };
  });
}

export function maskLoss(z: Float64Array, y: Float64Array, options: MaskLossOptions): RoiTerm {
  let loss = 0;
  const grad = new Float64Array(z.length);
  for (const { name, weight, options: own } of sharesOf(options)) {
    if (!weight) continue;
    const term = maskKinds[name](z, y, own);
    loss += weight * term.loss;
    term.grad.forEach((g, i) => {
      grad[i] = (grad[i] as number) + weight * g;
    });
  }
  return { loss: Number.isFinite(loss) ? loss : Number.NaN, grad };
}
