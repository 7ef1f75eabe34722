import type { ClassLossOptions } from '../types';

export interface RoiTerm {
  /** The RoI's loss, or 0 if it does not count. */
  readonly loss: number;
  /** Its derivative by the RoI's row. */
  readonly grad: Float64Array;
}

/** log Σ exp z_k − z_c for each c, without cancellation where z_c is far above the rest. */
function negativeLogSoftmax(z: Float64Array): Float64Array {
  const max = Math.max(...z);
  const exps = z.map((x) => Math.exp(x - max));
  const sum = (besides?: number) => exps.reduce((sum, e, c) => (c === besides ? sum : sum + e), 0);
  const log = Math.log(sum());
  return z.map((x, c) => (exps[c] === 1 ? Math.log1p(sum(c)) : log - (x - max)));
}

/** q_c = (1 − s)·w_u·[c = u] + (s/C)·w_c. */
function targetDistribution(classes: number, u: number, options: ClassLossOptions): Float64Array {
  const s = options.labelSmoothing ?? 0;
  const weight = (c: number) => options.classWeights?.[c] ?? 1;
  return Float64Array.from(
    { length: classes },
    (_, c) => (s / classes) * weight(c) + (c === u ? (1 - s) * weight(u) : 0),
  );
}

/** Σ q_c (−log softmax(z)_c), derivative (Σq)·softmax(z) − q. */
export function classFromLogits(z: Float64Array, u: number, options: ClassLossOptions): RoiTerm {
  const q = targetDistribution(z.length, u, options);
  const total = q.reduce((sum, x) => sum + x, 0);
  const finite = z.every(Number.isFinite);
  const nll = negativeLogSoftmax(z);
  const loss = q.reduce((sum, x, c) => (x === 0 ? sum : sum + x * (nll[c] as number)), 0);
  // softmax(z)_u − 1 is expm1(−nll), where the difference would cancel for a label that is all but certain.
  const derivative = (x: number, c: number) =>
    c === u
      ? total * Math.expm1(-(nll[c] as number)) + (total - x)
      : total * Math.exp(-(nll[c] as number)) - x;
  return { loss: finite ? loss : Number.NaN, grad: q.map(derivative) };
}

/** Σ q_c (−log p_c), derivative −q_c / p_c, with p_c clamped below. */
export function classFromProbs(p: Float64Array, u: number, options: ClassLossOptions): RoiTerm {
  const q = targetDistribution(p.length, u, options);
  const eps = options.eps ?? 1e-12;
  const clamped = p.map((x) => Math.max(x, eps));
  const loss = q.reduce((sum, x, c) => (x === 0 ? sum : sum - x * Math.log(clamped[c] as number)), 0);
  return {
    loss: p.every(Number.isFinite) ? loss : Number.NaN,
    grad: Float64Array.from(q, (x, c) => (x === 0 ? 0 : -x / (clamped[c] as number))),
  };
}
