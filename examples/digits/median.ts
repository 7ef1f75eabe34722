const atLeast = { ms: 300, steps: 9 };
const warmUp = 5;

/** The median time of a step in milliseconds. */
export function medianTime(step: () => unknown): number {
  for (let i = 0; i < warmUp; i++) step();
  const times: number[] = [];
  const start = performance.now();
  let before = start;
  while (times.length < atLeast.steps || before - start < atLeast.ms) {
    step();
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}
