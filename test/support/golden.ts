import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FusedLossOptions, HostMaskOptions, HostOptions, LossInputs } from 'roi-loss';

const folder = join(__dirname, '..', 'fixtures');

interface TensorInfo {
  readonly role: 'input' | 'expected';
  readonly dtype: 'float32' | 'float64' | 'int32' | 'uint8';
  readonly shape: readonly number[];
  readonly offset: number;
}

export type FixtureFunction = 'fusedClassLoss' | 'fusedBoxLoss' | 'fusedMaskLoss' | 'fusedLoss';

/** A fixture of PyTorch's in float64: inputs are float32 and int32, expected values float64. */
export interface Fixture {
  readonly name: string;
  readonly function: FixtureFunction;
  readonly inputs: LossInputs;
  /** The options of the call, class weights among them. */
  readonly options: FusedLossOptions & HostOptions & HostMaskOptions;
  readonly expected: { readonly [name: string]: number };
  readonly tensors: { readonly [name: string]: Float64Array };
  readonly shapes: { readonly [name: string]: readonly number[] };
}

const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

export function fixtureNames(): string[] {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
}

export function loadFixture(name: string): Fixture {
  const info = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const { buffer, byteOffset } = readFileSync(join(folder, `${name}.bin`));
  const tensors = Object.entries<TensorInfo>(info.tensors).map(([key, { role, dtype, shape, offset }]) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const type = arrays[dtype];
    const start = byteOffset + offset;
    return { key, role, array: new type(buffer.slice(start, start + length * type.BYTES_PER_ELEMENT)) };
  });
  const ofRole = (wanted: string) =>
    Object.fromEntries(tensors.filter(({ role }) => role === wanted).map(({ key, array }) => [key, array]));
  const { classWeights, ...inputs } = ofRole('input');
  return {
    name,
    function: info.function,
    inputs,
    options: classWeights ? { ...info.options, classWeights } : info.options,
    expected: info.expected,
    tensors: ofRole('expected') as { [name: string]: Float64Array },
    shapes: Object.fromEntries(
      Object.entries<TensorInfo>(info.tensors).map(([key, { shape }]) => [key, shape]),
    ),
  };
}
