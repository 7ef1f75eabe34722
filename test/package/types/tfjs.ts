// Compiled, never run: the declarations of roi-loss/tfjs.

import type { Rank, Scalar, Tensor } from '@tensorflow/tfjs-core';
import { type FusedOptions, type RoiLosses, roiLosses, type TensorFlow } from 'roi-loss/tfjs';

export function use(tf: TensorFlow, logits: Tensor, labels: Tensor): readonly Tensor<Rank>[] {
  const operations: RoiLosses = roiLosses(tf, { device: 'cpu' });
  const options: FusedOptions = { class: { labelSmoothing: 0.1 }, mask: { kind: 'dice' } };
  const losses = operations.fusedLoss({ classLogits: logits, labels }, options);
  const total: Scalar = losses.total;
  // @ts-expect-error
  losses.mask;
  // @ts-expect-error
  operations.fusedClassLoss(logits, labels, { metrics: true });
  return [total, losses.class, operations.fusedClassLoss(logits, labels)];
}
