/** A linear map from features to outputs: weights [features, outputs]. */
export interface Linear {
  readonly outputs: number;
  readonly weights: Float64Array;
}

/** Least squares with a penalty λ on the squares of the weights: solves (XᵀX + λI)·W = XᵀY by Cholesky. */
export function ridge(x: readonly Float64Array[], y: readonly Float64Array[], penalty: number): Linear {
  const features = x[0]!.length;
  const outputs = y[0]!.length;
  const gram = new Float64Array(features * features);
  const weights = new Float64Array(features * outputs);
  for (let i = 0; i < features; i++) gram[i * features + i] = penalty;
  x.forEach((row, r) => {
    const targets = y[r]!;
    for (let i = 0; i < features; i++) {
      const value = row[i]!;
      for (let j = 0; j <= i; j++) gram[i * features + j]! += value * row[j]!;
      for (let k = 0; k < outputs; k++) weights[i * outputs + k]! += value * targets[k]!;
    }
  });
  factor(gram, features);
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < i; j++) subtract(weights, i, j, gram[i * features + j]!, outputs);
    divide(weights, i, gram[i * features + i]!, outputs);
  }
  for (let i = features - 1; i >= 0; i--) {
    for (let j = i + 1; j < features; j++) subtract(weights, i, j, gram[j * features + i]!, outputs);
    divide(weights, i, gram[i * features + i]!, outputs);
  }
  return { outputs, weights };
}

/** The outputs for one RoI's features. */
export function apply({ outputs, weights }: Linear, row: Float64Array): Float64Array {
  const out = new Float64Array(outputs);
  row.forEach((value, i) => {
    for (let k = 0; k < outputs; k++) out[k]! += value * weights[i * outputs + k]!;
  });
  return out;
}

/** Cholesky in place: the lower triangle L of a matrix L·Lᵀ. */
function factor(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j]!;
    }
}

/** Row i −= scale · row j. */
function subtract(rows: Float64Array, i: number, j: number, scale: number, length: number): void {
  for (let k = 0; k < length; k++) rows[i * length + k]! -= scale * rows[j * length + k]!;
}

function divide(rows: Float64Array, i: number, by: number, length: number): void {
  for (let k = 0; k < length; k++) rows[i * length + k]! /= by;
}
