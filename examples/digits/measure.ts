/** A loss beside the reference's, and how far it is off, relative to the reference. */
export function compareLoss(name: string, value: number, reference: number) {
  return { name, value, reference, difference: ratio(Math.abs(value - reference), Math.abs(reference)) };
}

/** The largest error of gradients, and the largest gradient to judge it by. */
export function compareGradients(name: string, values: ArrayLike<number>, reference: ArrayLike<number>) {
  if (values.length !== reference.length)
    throw new Error(`${name}: ${values.length} gradients, but ${reference.length} in the reference`);
  let largest = 0;
  let error = 0;
  for (let i = 0; i < reference.length; i++) {
    largest = Math.max(largest, Math.abs(reference[i]!));
    error = Math.max(error, Math.abs(values[i]! - reference[i]!));
  }
  return { name, largest, error, difference: ratio(error, largest) };
}

function ratio(error: number, scale: number): number {
  return error === 0 ? 0 : error / scale;
}

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
