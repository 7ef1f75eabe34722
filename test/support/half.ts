import type { FloatType } from 'roi-loss';
import * as assert from 'uvu/assert';
import { halves } from '../../common/half';
import { gradTolerance } from '../../lib/reference/accuracy';
import type { AllInputs } from '../../lib/reference/random';
import { assertClose } from './close';

export { halves };

/** An array of an element type: as a tensor takes it, and what it is exactly. */
function arrayAs(type: FloatType | 'uint8', array: Float32Array) {
  if (type === 'float32') return { stored: array, exact: array };
  if (type === 'uint8')
    return { stored: Uint8Array.from(array, (x) => (x < 0.5 ? 0 : 255)), exact: array.map(Math.round) };
  const { to, from } = halves[type];
  return { stored: Uint16Array.from(array, to), exact: array.map((x) => from(to(x))) };
}

/** Inputs with logits, deltas and mask targets of element types: as a batch takes them, and what they are exactly. */
export function inputsAs(dtype: FloatType, inputs: AllInputs, targetType: FloatType | 'uint8' = dtype) {
  const cast = {
    classLogits: arrayAs(dtype, inputs.classLogits),
    boxDeltas: arrayAs(dtype, inputs.boxDeltas),
    maskLogits: arrayAs(dtype, inputs.maskLogits),
    maskTargets: arrayAs(targetType, inputs.maskTargets),
  };
  const each = <K extends 'stored' | 'exact'>(key: K) =>
    Object.fromEntries(Object.entries(cast).map(([name, array]) => [name, array[key]])) as {
      [name in keyof typeof cast]: (typeof cast)[name][K];
    };
  return { arrays: { ...inputs, ...each('stored') }, exact: { ...inputs, ...each('exact') } };
}

/** A gradient of an element type: as close as that of floats, and rounded once. */
export function assertCloseAs(
  dtype: FloatType,
  actual: ArrayLike<number>,
  expected: Float64Array | undefined,
  what: string,
): void {
  if (dtype === 'float32') {
    assertClose(actual, expected, what);
    return;
  }
  const { from, epsilon } = halves[dtype];
  assert.is(actual.length, expected?.length, `${what}: lengths differ`);
  const scale = expected?.reduce((max, g) => Math.max(max, Math.abs(g)), 0) ?? 0;
  for (let i = 0; i < actual.length; i++) {
    const [x, g] = [from(actual[i] as number), expected?.[i] as number];
    // The subnormals of float16 are 2^-24 apart.
    const same = Math.abs(x - g) <= 1.01 * epsilon * Math.abs(g) + 2 ** -25 + gradTolerance * scale;
    if (!same) assert.unreachable(`${what}[${i}] is ${x}; expected ${g}`);
  }
}
