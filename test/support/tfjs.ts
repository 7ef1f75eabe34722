import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import type { Layout } from 'roi-loss';
import { roiLosses } from 'roi-loss/tfjs';
import type { suite } from 'uvu';
import { inputsOf, type Sizes } from '../../lib/reference/random';

// TensorFlow.js with its backends that hold tensors in the memory of the CPU.

tf.env().set('PROD', true);

export { tf };
export const backends = ['cpu', 'wasm'] as const;
export const losses = roiLosses(tf);

/** Float32 sums of TensorFlow.js in one chain are less exact than those of the package. */
export const plainTolerance = 1e-5;

/** A test on each backend. It must not leave tensors behind. */
export function onBackends(test: ReturnType<typeof suite>, what: string, run: () => void): void {
  for (const backend of backends)
    test(`${what}, ${backend}`, async () => {
      await tf.setBackend(backend);
      tf.tidy(run);
    });
}

/** Random inputs of all terms as tensors. Deltas and logits come first: they are what has gradients. */
export function tensorsOf(seed: number, sizes: Sizes, layout: Layout = 'nhwc') {
  const { rois, maskSize, classes, boxChannels = classes, maskChannels = classes } = sizes;
  const arrays = inputsOf(seed, sizes);
  const maskShape: [number, number, number, number] =
    layout === 'nhwc' ? [rois, ...maskSize, maskChannels] : [rois, maskChannels, ...maskSize];
  return {
    classLogits: tf.tensor2d(arrays.classLogits, [rois, classes]),
    boxDeltas: tf.tensor3d(arrays.boxDeltas, [rois, boxChannels, 4]),
    maskLogits: tf.tensor4d(arrays.maskLogits, maskShape),
    boxTargets: tf.tensor2d(arrays.boxTargets, [rois, 4]),
    maskTargets: tf.tensor3d(arrays.maskTargets, [rois, ...maskSize]),
    labels: tf.tensor1d(arrays.labels, 'int32'),
  };
}

export type Tensors = ReturnType<typeof tensorsOf>;
