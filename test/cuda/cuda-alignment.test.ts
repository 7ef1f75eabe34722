import { type FloatType, fusedClassLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { assertLoss } from '../support/close';
import { openTestDevice } from '../support/device';
import { assertCloseAs, inputsAs } from '../support/half';
import { shifted } from '../support/shifted';

// Borrowed tensors that begin at every multiple of an element up to the widest access: 32 bytes.

const test = suite('alignment on CUDA');

const device = openTestDevice();

const size = { rois: 3, classes: 3, maskSize: [28, 28] } as const;
const options = { classes: size.classes, maskSize: size.maskSize };

const types: readonly [FloatType, FloatType | 'uint8'][] = [
  ['float32', 'float32'],
  ['float32', 'uint8'],
  ['bfloat16', 'float32'],
  ['bfloat16', 'bfloat16'],
  ['float16', 'uint8'],
];

for (const [dtype, targetType] of types)
  for (const by of [1, 2, 4, 8])
    for (const [ofLogits, ofTargets] of [
      [by, 0],
      [0, by],
    ] as const)
      test(`${dtype} ${ofLogits} off, ${targetType} targets ${ofTargets} off`, async () => {
        const { arrays, exact } = inputsAs(dtype, inputsOf(1, size), targetType);
        const { rois, classes, maskSize } = size;
        const logits = shifted(device, arrays.maskLogits, ofLogits, [rois, classes, ...maskSize], dtype);
        const targets = shifted(device, arrays.maskTargets, ofTargets, [rois, ...maskSize], targetType);
        const labels = device.tensor(arrays.labels, [rois]);
        const batch = device.batch({
          maskLogits: logits.inner,
          maskTargets: targets.inner,
          labels,
          classes,
        });
        const step = fusedMaskLoss(batch, { kind: { bce: 1, dice: 1 } });
        const expected = referenceLoss(exact, { ...options, mask: { kind: { bce: 1, dice: 1 } } });
        assertLoss(await step.loss(), expected.losses.mask);
        assertCloseAs(dtype, await batch.grads.maskLogits.read(), expected.grads.maskLogits, 'maskLogits');
        for (const owner of [batch, labels, logits.room, targets.room]) owner.dispose();
      });

for (const dtype of ['float32', 'bfloat16'] as const)
  for (const by of [1, 2, 4, 8])
    test(`${dtype} class scores ${by} off`, async () => {
      const sizes = { rois: 11, classes: 81 };
      const { arrays, exact } = inputsAs(dtype, inputsOf(2, { ...sizes, maskSize: [1, 1] }));
      const scores = shifted(device, arrays.classLogits, by, [sizes.rois, sizes.classes], dtype);
      const labels = device.tensor(arrays.labels, [sizes.rois]);
      const batch = device.batch({ classLogits: scores.inner, labels });
      const { classLogits } = exact;
      const expected = referenceLoss({ classLogits, labels: exact.labels }, { classes: sizes.classes });
      assertLoss(await fusedClassLoss(batch).loss(), expected.losses.class);
      assertCloseAs(dtype, await batch.grads.classLogits.read(), expected.grads.classLogits, 'classLogits');
      for (const owner of [batch, labels, scores.room]) owner.dispose();
    });

test.run();
