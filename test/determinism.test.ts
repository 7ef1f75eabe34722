import { type Device, fusedLoss, openDevice } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertSame } from './support/close';
import { inputsOf } from './support/random';

// The same bits, whatever the number of threads and however often.

const test = suite('determinism');

const options = { classes: 21, maskSize: [28, 28] as const, metrics: true };
// Large enough to be split over threads.
const inputs = inputsOf(17, { rois: 400, ...options });
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

for (const kind of ['bce', 'dice', 'smoothed-bce', { dice: 0.5, 'smoothed-bce': 0.5 }] as const) {
  test(JSON.stringify(kind), () => {
    const run = (device: Device) =>
      fusedLoss(inputs, { ...options, device, mask: { kind }, reduction: 'none' });
    const first = run(openDevice('cpu', { threads: 1 }));
    for (const threads of [1, 2, 3, 8]) {
      const device = openDevice('cpu', { threads });
      for (let i = 0; i < 5; i++) {
        const again = run(device);
        assert.equal(again.losses, first.losses, `${threads} threads`);
        assert.equal(again.metrics, first.metrics, `${threads} threads`);
        for (const name of names)
          assertSame(again.grads[name], first.grads[name], `${name}, ${threads} threads`);
        for (const term of ['class', 'box', 'mask'] as const)
          assertSame(again.perRoi?.[term] as Float32Array, first.perRoi?.[term] as Float32Array, term);
      }
      device.dispose();
    }
  });
}

test('handles give the bits that arrays give', async () => {
  const expected = fusedLoss(inputs, options);
  for (const threads of [1, 3]) {
    const device = openDevice('cpu', { threads });
    const batch = device.batch({ rois: 400, classes: 21 });
    batch.write(inputs);
    assert.equal(await fusedLoss(batch).losses(), expected.losses);
    for (const name of names)
      assertSame((await batch.grads[name].read()) as Float32Array, expected.grads[name], name);
    device.dispose();
  }
});

test.run();
