import type * as TensorFlow from '@tensorflow/tfjs';
import type { LossInputs } from 'roi-loss';
import { type Case, maskSizeOf } from '../cases';
import { gradNames } from '../inputs';
import type { Outcome } from '../outcome';
import type { Timing } from '../statistics';
import { type Effort, race } from '../timing';
import { plainLoss } from './tfjs-losses';

// The losses in TensorFlow.js with their gradients, on one thread. Its sums are float32 in one chain, so what it
// computes agrees less than others do.

export const howToInstall = 'npm i --no-save @tensorflow/tfjs @tensorflow/tfjs-backend-wasm';
export const backends = ['cpu', 'wasm'] as const;

/** Dense gradients of many classes take it seconds. */
const mostLogits = 2 ** 22;

type Tf = typeof TensorFlow;
type Tensor = TensorFlow.Tensor;
type Named = { readonly [name: string]: Tensor };

/** Undefined where it is not installed. */
export async function loadTfjs(): Promise<Tf | undefined> {
  try {
    const tf = await import('@tensorflow/tfjs');
    await import('@tensorflow/tfjs-backend-wasm');
    tf.env().set('PROD', true);
    return tf;
  } catch {
    return undefined;
  }
}

function tensorsOf(tf: Tf, spec: Case, inputs: LossInputs): Named {
  const { rois, maskRois = rois } = spec.sizes;
  const shapes: { readonly [name: string]: readonly number[] } = {
    classLogits: [rois, -1],
    boxDeltas: [rois, -1, 4],
    boxTargets: [rois, 4],
    maskLogits: [maskRois, -1, ...maskSizeOf(spec)],
    maskTargets: [maskRois, ...maskSizeOf(spec)],
    labels: [rois],
    maskLabels: [maskRois],
  };
  return Object.fromEntries(
    Object.entries(inputs).map(([name, array]: [string, Float32Array | Int32Array]) => {
      const flat = tf.tensor1d(array, array instanceof Int32Array ? 'int32' : 'float32');
      const shaped = flat.reshape([...shapes[name]!]);
      flat.dispose();
      return [name, shaped];
    }),
  );
}

/** Undefined where the backend lacks a kernel that the case needs, or the case is too large for it. */
export async function measureTfjs(
  tf: Tf,
  backend: (typeof backends)[number],
  spec: Case,
  inputs: LossInputs,
  effort: Effort,
  check: (outcome: Outcome) => void,
): Promise<Timing | undefined> {
  if ((inputs.maskLogits?.length ?? 0) > mostLogits) return undefined;
  await tf.setBackend(backend);
  const tensors = tensorsOf(tf, spec, inputs);
  const options = { ...spec.options, classes: spec.sizes.classes, layout: 'nchw' } as const;
  const names = gradNames(inputs);
  const step = () =>
    tf.tidy(() => {
      const gradient = tf.valueAndGrads((...leaves: Tensor[]) => {
        const leavesByName = Object.fromEntries(names.map((name, i) => [name, leaves[i]!]));
        return plainLoss(tf, { ...tensors, ...leavesByName }, options).total;
      });
      const { value, grads } = gradient(names.map((name) => tensors[name]!));
      return {
        loss: value.dataSync()[0]!,
        grads: Object.fromEntries(names.map((name, i) => [name, grads[i]!.dataSync() as Float32Array])),
      };
    });
  try {
    check(step());
    return race({ [backend]: step }, effort)[backend]!;
  } catch (error) {
    if (/not registered for backend/.test((error as Error).message)) return undefined;
    throw error;
  } finally {
    tf.dispose(tensors);
  }
}
