import type { FloatType } from 'roi-loss';
import * as assert from 'uvu/assert';
import { gradTolerance } from '../../lib/reference/accuracy';
import type { AllInputs } from '../../lib/reference/random';
import { assertClose } from './close';

/** float16 and bfloat16 as bits, to the nearest, ties to even. */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

const bitsOf = (x: number) => {
  scratch[0] = x;
  return scratchBits[0] as number;
};
const floatOf = (bits: number) => {
  scratchBits[0] = bits;
  return scratch[0] as number;
};

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

export function toBfloat16(x: number): number {
  return Number.isNaN(x) ? 0x7fc0 : roundToEven(bitsOf(x) / 2 ** 16) & 0xffff;
}

export const fromBfloat16 = (bits: number) => floatOf((bits << 16) >>> 0);

export function toFloat16(x: number): number {
  const sign = Object.is(Math.sign(x), -0) || x < 0 ? 0x8000 : 0;
  const m = Math.abs(x);
  if (Number.isNaN(x)) return 0x7e00;
  if (m < 2 ** -14) return sign | roundToEven(m * 2 ** 24);
  const exponent = Math.min(Math.floor(Math.log2(m)), 16);
  const fraction = roundToEven((m / 2 ** exponent - 1) * 1024);
  const bits = (exponent + 15) * 1024 + fraction;
  return sign | Math.min(bits, 0x7c00);
}

export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

export const halves = {
  float16: { to: toFloat16, from: fromFloat16, epsilon: 2 ** -11 },
  bfloat16: { to: toBfloat16, from: fromBfloat16, epsilon: 2 ** -8 },
};

/** Inputs with logits, deltas and mask targets of an element type: as a batch takes them, and what they are exactly. */
export function inputsAs(dtype: FloatType, inputs: AllInputs) {
  if (dtype === 'float32') return { arrays: inputs, exact: inputs };
  const { to, from } = halves[dtype];
  const bits = (array: Float32Array) => Uint16Array.from(array, to);
  const rounded = (array: Float32Array) => array.map((x) => from(to(x)));
  const { classLogits, boxDeltas, maskLogits, maskTargets } = inputs;
  const each = <T>(cast: (array: Float32Array) => T) => ({
    classLogits: cast(classLogits),
    boxDeltas: cast(boxDeltas),
    maskLogits: cast(maskLogits),
    maskTargets: cast(maskTargets),
  });
  return { arrays: { ...inputs, ...each(bits) }, exact: { ...inputs, ...each(rounded) } };
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
