import type { MaskKind, MaskLossOptions } from '../types';
import type { RoiTerm } from './class';

/** σ(z), and 1 − σ(z) = σ(−z), each without cancellation. */
const sigmoid = (z: number) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** Mean over pixels of max(z, 0) − z·y + log(1 + e^−|z|), derivative (σ(z) − y) / pixels. */
function bce(z: Float64Array, y: Float64Array): RoiTerm {
  const n = z.length;
  const pixel = (zi: number, yi: number) =>
    (zi >= 0 ? zi * (1 - yi) : -zi * yi) + Math.log1p(Math.exp(-Math.abs(zi)));
  // σ(z) − y, by the side that does not cancel.
  const derivative = (zi: number, yi: number) => (zi >= 0 ? 1 - yi - sigmoid(-zi) : sigmoid(zi) - yi);
  return {
    loss: z.reduce((sum, zi, i) => sum + pixel(zi, y[i] as number), 0) / n,
    grad: z.map((zi, i) => derivative(zi, y[i] as number) / n),
  };
}

function smoothedBce(z: Float64Array, y: Float64Array, smoothing: number): RoiTerm {
  return bce(
    z,
    y.map((yi) => yi * (1 - smoothing) + smoothing / 2),
  );
}

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

export function maskLoss(z: Float64Array, y: Float64Array, options: MaskLossOptions): RoiTerm {
  const kinds: { readonly [K in MaskKind]: () => RoiTerm } = {
    bce: () => bce(z, y),
    dice: () => dice(z, y, options.eps ?? 1e-6),
    'smoothed-bce': () => smoothedBce(z, y, options.smoothing ?? 0.05),
  };
  const { kind = 'bce' } = options;
  const weights = typeof kind === 'string' ? { [kind]: 1 } : kind;
  let loss = 0;
  const grad = new Float64Array(z.length);
  for (const [name, weight] of Object.entries(weights)) {
    if (!weight) continue;
    const term = kinds[name as MaskKind]();
    loss += weight * term.loss;
    term.grad.forEach((g, i) => {
      grad[i] = (grad[i] as number) + weight * g;
    });
  }
  return { loss: Number.isFinite(loss) ? loss : Number.NaN, grad };
}
