// float16 and bfloat16 as bits, to the nearest, ties to even.

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
