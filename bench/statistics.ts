/** Microseconds a call: the median and the quartiles of the samples. */
export interface Timing {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
}

/** The value below which the share `q` of the sorted samples lies, interpolated between neighbours. */
export function quantile(sorted: readonly number[], q: number): number {
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position % 1);
}

export function summarize(samples: readonly number[]): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    samples: sorted.length,
  };
}

/** Half the distance between the quartiles, relative to the median. */
export const spread = ({ median, low, high }: Timing): number => (high - low) / 2 / median;
