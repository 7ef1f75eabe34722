// Sampling as on paper: a word of Philox for each RoI, and those with the least words.

/** The four words of Philox4x32-10. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): number[] {
  let [x0, x1, x2, x3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const word = (x: bigint) => BigInt.asUintN(32, x);
  for (let round = 0; round < 10; round++) {
    const [a, b] = [0xd2511f53n * x0, 0xcd9e8d57n * x2];
    [x0, x1, x2, x3] = [(b >> 32n) ^ x1 ^ k0, word(b), (a >> 32n) ^ x3 ^ k1, word(a)];
    [k0, k1] = [word(k0 + 0x9e3779b9n), word(k1 + 0xbb67ae85n)];
  }
  return [x0, x1, x2, x3].map(Number);
}

/** The indices that `sampleRois` returns. */
export function referenceSample(
  labels: Int32Array,
  options: { readonly count: number; readonly foregroundFraction: number; readonly seed: number },
): number[] {
  const { count, foregroundFraction, seed } = options;
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
  const words = Array.from(labels, (_, i) => philox([Math.floor(i / 4), 0, 0, 0], key)[i % 4]!);
  const drawn = (of: (label: number) => boolean, most: number) =>
    [...labels.keys()]
      .filter((i) => of(labels[i]!))
      .sort((a, b) => words[a]! - words[b]! || a - b)
      .slice(0, most);
  const foreground = drawn((label) => label > 0, Math.floor(count * foregroundFraction));
  const background = drawn((label) => label === 0, count - foreground.length);
  return [...foreground, ...background].sort((a, b) => a - b);
}
