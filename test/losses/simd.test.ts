import { fusedLoss, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import { referenceLoss } from '../../lib/reference';
import { type AllInputs, inputsOf } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';

const test = suite('instruction sets');

test('every instruction set that this machine has', () => {
  const before = process.env.ROI_LOSS_SIMD;
  const inputs: AllInputs = inputsOf(1, { rois: 40, classes: 21, maskSize: [28, 28] });
  let tried = 0;
  for (const simd of ['avx512', 'avx2', 'baseline']) {
    process.env.ROI_LOSS_SIMD = simd;
    let device: ReturnType<typeof openDevice>;
    try {
      device = openDevice('cpu');
    } catch {
      console.log(`skipped: ${simd} — this machine does not have it`);
      continue;
    }
    tried++;
    for (const mask of [{}, { kind: 'dice' }, { kind: { dice: 1, 'smoothed-bce': 1 } }] as const) {
      const options = { classes: 21, maskSize: [28, 28] as const, mask };
      const expected = referenceLoss(inputs, options);
      const actual = fusedLoss(inputs, { ...options, device });
      assertLosses(actual.losses, expected.losses);
      for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const)
        assertClose(actual.grads[name], expected.grads[name], `${simd} ${name}`);
    }
    device.dispose();
  }
  if (before === undefined) delete process.env.ROI_LOSS_SIMD;
  else process.env.ROI_LOSS_SIMD = before;
  if (tried === 0) throw new Error('no instruction set was tried');
});

test.run();
