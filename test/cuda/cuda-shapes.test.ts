import { type BatchSizes, fusedLoss, type MaskKind, type MaskMixture } from 'roi-loss';
import { suite } from 'uvu';
import { referenceLoss } from '../../lib/reference';
import { inputsOf, type Sizes } from '../../lib/reference/random';
import { assertLosses } from '../support/close';
import { openTestDevice, simulated } from '../support/device';
import { assertCloseAs, inputsAs } from '../support/half';

// Shapes at the edges of what a thread, a warp and a block hold, each in every form that memory has.

const test = suite('shapes on CUDA');

const device = openTestDevice();

const sizes: readonly Sizes[] = [
  ...(
    [
      [1, 1],
      [1, 27],
      [12, 14],
      [28, 28],
      [29, 29],
      [112, 112],
    ] as const
  ).map((maskSize) => ({
    rois: 5,
    classes: 3,
    maskSize,
  })),
  // As many RoIs as have eight, four, two warps each and one on a few multiprocessors.
  ...[2, 10, 16, 41].map((rois) => ({ rois, classes: 3, maskSize: [28, 28] as const })),
  ...[2, 32, 33, 81, 128, 129, 1204, 5000].map((classes) => ({
    rois: 9,
    classes,
    maskSize: [2, 2] as const,
  })),
  ...[0, 1, 31, 33, 1000, 5000].map((rois) => ({ rois, classes: 3, maskSize: [2, 3] as const })),
];

type Form = Pick<BatchSizes, 'layout' | 'maskGrad' | 'rewrite' | 'dtype' | 'maskTargetType'>;

const forms: readonly Form[] = [
  {},
  { maskGrad: 'compact' },
  { rewrite: true },
  { layout: 'nhwc' },
  { maskTargetType: 'uint8' },
  { maskTargetType: 'float16' },
  { dtype: 'float16', maskTargetType: 'float16' },
  { dtype: 'bfloat16', maskTargetType: 'bfloat16' },
  { dtype: 'bfloat16', maskTargetType: 'float32' },
  { layout: 'nhwc', rewrite: true, dtype: 'float16', maskTargetType: 'uint8' },
];

/** The second step finds what the first has written, of other labels. */
const kinds: readonly (MaskKind | MaskMixture)[] = ['bce', { dice: 0.5, 'smoothed-bce': 0.5 }];

// On a CPU that plays a GPU thousands take seconds.
for (const size of sizes)
  for (const form of simulated && size.rois >= 1000 ? forms.slice(0, 2) : forms) {
    const { rois, classes, maskSize } = size;
    const what = Object.entries(form).map(([name, value]) => `${name} ${value}`);
    test([`${rois} RoIs, ${classes} classes, ${maskSize.join('×')}`, ...what].join(', '), async () => {
      const { layout = 'nchw', maskGrad = 'dense', dtype = 'float32' } = form;
      const batch = device.batch({ ...size, ...form });
      for (const [seed, kind] of kinds.entries()) {
        const { arrays, exact } = inputsAs(dtype, inputsOf(seed, size), form.maskTargetType);
        batch.write(arrays);
        // Sums make gradients that are large enough for float16.
        const options = { reduction: 'sum', gradScale: 64, mask: { kind } } as const;
        const expected = referenceLoss(exact, { classes, maskSize, layout, maskGrad, ...options });
        assertLosses(await fusedLoss(batch, options).losses(), expected.losses);
        for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
          assertCloseAs(dtype, await batch.grads[name].read(), expected.grads[name], name);
      }
      batch.dispose();
    });
  }

test.run();
