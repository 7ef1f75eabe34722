import { halves } from '../common/half';
import type { Case } from './cases';

// Arrays of millions of halves.

function codec({ to, from }: { to: (x: number) => number; from: (bits: number) => number }) {
  const values = new Float32Array(2 ** 16).map((_, bits) => from(bits));
  return {
    encode(floats: Float32Array): Uint16Array {
      const bits = new Uint16Array(floats.length);
      for (let i = 0; i < bits.length; i++) bits[i] = to(floats[i]!);
      return bits;
    },
    decode(bits: Uint16Array): Float32Array {
      const floats = new Float32Array(bits.length);
      for (let i = 0; i < floats.length; i++) floats[i] = values[bits[i]!]!;
      return floats;
    },
  };
}

const codecs = { float16: codec(halves.float16), bfloat16: codec(halves.bfloat16) };

/** Of the case's logits, deltas and gradients; undefined where they are floats. */
export const halfOf = ({ sizes: { dtype } }: Case) =>
  dtype === undefined || dtype === 'float32' ? undefined : codecs[dtype];
