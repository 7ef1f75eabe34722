import type { FlatTensors } from './batch-shape';
import { checkSizes } from './check';
import type { Device } from './device';
import { typeError } from './errors';
import type { InputName } from './inputs';
import type { NativeBuffers, NativeMemory } from './native';
import {
  type ArraySpec,
  gradSpecs,
  inputSpecs,
  perRoiSpecs,
  type StepShape,
  stepBuffers,
  writtenSpecs,
} from './shape';
import type { Tensor } from './tensor';
import type { TermName } from './terms';
import type { GradName } from './types';

// The device memory of a batch.

export type Tensors<K extends string> = { readonly [N in K]?: Tensor };

export interface BatchBuffers {
  readonly inputs: Tensors<InputName>;
  readonly grads: Tensors<GradName>;
  /** The loss of each RoI. */
  readonly perRoi: Tensors<TermName>;
  /** The channel that the previous step wrote for each RoI, which the next one clears. Empty where every byte is written. */
  readonly written: Tensors<'box' | 'mask'>;
  /** Those that were allocated here, and are freed with the batch. */
  readonly own: readonly Tensor[];
}

function checkTensor(name: string, tensor: Tensor | undefined, spec: ArraySpec, device: Device): Tensor {
  if (!tensor) throw typeError('ERR_ROI_LOSS_TYPE', `${name} is missing; expected a Tensor ${spec.symbols}`);
  if (tensor.device !== device)
    throw typeError(
      'ERR_ROI_LOSS_DEVICE',
      `${name} is a tensor of another device; expected one of this device`,
    );
  if (tensor.dtype !== spec.dtype)
    throw typeError('ERR_ROI_LOSS_DTYPE', `${name} is ${tensor.dtype}; expected ${spec.dtype}`);
  checkSizes(name, tensor.shape, spec.symbols, spec.shape);
  return tensor;
}

export function free(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/**
 * Allocates the buffers of a batch, or takes the inputs from `given`. Frees what it allocated if it fails.
 * @param rewrite whether steps write every byte of the gradients
 */
export function makeBuffers(
  device: Device,
  shape: StepShape,
  given: FlatTensors | undefined,
  rewrite: boolean,
): BatchBuffers {
  const own: Tensor[] = [];
  const make = (name: string, spec: ArraySpec) => {
    const tensor = device.allocate(name, spec.shape, spec.dtype);
    own.push(tensor);
    return tensor;
  };
  const each = <K extends string>(
    specs: { readonly [N in K]?: ArraySpec },
    use: (name: K, spec: ArraySpec) => Tensor,
  ) =>
    Object.fromEntries(
      Object.entries<ArraySpec | undefined>(specs).flatMap(([name, spec]) =>
        spec ? [[name, use(name as K, spec)]] : [],
      ),
    ) as Tensors<K>;
  const input = given
    ? (name: InputName, spec: ArraySpec) => checkTensor(name, given[name], spec, device)
    : make;
  try {
    return {
      inputs: each(inputSpecs(shape), input),
      grads: each(gradSpecs(shape), make),
      perRoi: each(perRoiSpecs(shape), make),
      written: rewrite ? {} : each(writtenSpecs(shape), make),
      own,
    };
  } catch (error) {
    free(own);
    throw error;
  }
}

/** The buffers under the names that native code has for them. */
export function nativeBuffers({ inputs, grads, perRoi, written }: BatchBuffers): NativeBuffers<NativeMemory> {
  const tensors: NativeBuffers<Tensor> = {
    ...stepBuffers<Tensor>(inputs, grads, perRoi),
    boxWritten: written.box,
    maskWritten: written.mask,
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor?.memory(name)]));
}

/** The tensors as properties; reading one of `names` that is not among them throws. */
export function withNames<K extends string>(tensors: Tensors<K>, names: readonly K[], what: string) {
  const complete: object = { ...tensors };
  for (const name of names) {
    if (tensors[name]) continue;
    const get = () => {
      throw typeError(
        'ERR_ROI_LOSS_TYPE',
        `this batch has no ${what} ${name}; it has ${Object.keys(tensors).join(', ')}`,
      );
    };
    Object.defineProperty(complete, name, { get });
  }
  return complete as { readonly [N in K]: Tensor };
}

/** Inputs and gradients with the names that errors give them. */
export function namedTensors({ inputs, grads }: BatchBuffers): readonly (readonly [string, Tensor])[] {
  const named = (prefix: string, tensors: { readonly [name: string]: Tensor | undefined }) =>
    Object.entries(tensors).flatMap(([name, tensor]) => (tensor ? [[prefix + name, tensor] as const] : []));
  return [...named('', inputs), ...named('grads.', grads)];
}
