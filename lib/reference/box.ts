import type { BoxLossOptions } from '../types';
import type { RoiTerm } from './class';

/** d²/(2β) for |d| < β, else |d| − β/2. */
const smoothL1 = (d: number, beta: number) =>
  Math.abs(d) < beta ? (d * d) / (2 * beta) : Math.abs(d) - beta / 2;
const smoothL1Derivative = (d: number, beta: number) => (Math.abs(d) < beta ? d / beta : Math.sign(d));

/** Σ over x, y, w, h of smoothL1(t − v). */
export function boxLoss(t: Float64Array, v: Float64Array, options: BoxLossOptions): RoiTerm {
  const beta = options.beta ?? 1;
  const d = t.map((x, i) => x - (v[i] as number));
  const loss = d.reduce((sum, x) => sum + smoothL1(x, beta), 0);
  return { loss: Number.isFinite(loss) ? loss : Number.NaN, grad: d.map((x) => smoothL1Derivative(x, beta)) };
}
