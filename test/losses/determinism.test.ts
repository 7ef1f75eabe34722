import type { Device, HostArray } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { assertSame } from '../support/close';
import { fusedLoss, onCuda, openTestDevice, unlessSimulated } from '../support/device';
import { halves } from '../support/half';
import { maskLosses } from '../support/kinds';

// The same bits, whatever the number of the CPU's threads and however often.

const test = suite('determinism');

const options = { classes: 21, maskSize: [28, 28] as const, metrics: true };
// Large enough to be split over threads.
const rois = unlessSimulated(400, 40);
const inputs = inputsOf(17, { rois, ...options });
/** Of the devices that are compared; a GPU has none to choose. */
const threadCounts = onCuda ? [1, 1] : [1, 2, 3, 8];
const times = unlessSimulated(5, 2);
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;
const bytesOf = (array: HostArray) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

for (const kind of maskLosses) {
  test(JSON.stringify(kind), () => {
    const run = (device: Device) =>
      fusedLoss(inputs, { ...options, device, mask: { kind }, reduction: 'none' });
    const first = run(openTestDevice({ threads: 1 }));
    for (const threads of threadCounts) {
      const device = openTestDevice({ threads });
      for (let i = 0; i < times; i++) {
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

for (const [name, terms, sizes] of [
  ['class rows alone', ['class'], { rois: unlessSimulated(20_000, 1000), classes: 6 }],
  ['wide class rows', ['class'], { rois: unlessSimulated(300, 20), classes: 1204 }],
  ['boxes alone', ['box'], { rois: unlessSimulated(20_000, 1000), classes: 3 }],
] as const)
  test(`${name}, each element type`, async () => {
    const { classLogits, boxDeltas, boxTargets, labels } = inputsOf(18, { ...sizes, maskSize: [1, 1] });
    for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
      const cast = (array: Float32Array) =>
        dtype === 'float32' ? array : Uint16Array.from(array, halves[dtype].to);
      const run = async (threads: number) => {
        const device = openTestDevice({ threads });
        const batch = device.batch({ ...sizes, terms, dtype });
        const [term] = terms;
        const arrays =
          term === 'class' ? { classLogits: cast(classLogits) } : { boxDeltas: cast(boxDeltas), boxTargets };
        batch.write({ ...arrays, labels });
        const losses = await fusedLoss(batch).losses();
        const grad = await batch.grads[term === 'class' ? 'classLogits' : 'boxDeltas'].read();
        device.dispose();
        return { losses, grad };
      };
      const first = await run(1);
      for (const threads of threadCounts.slice(1)) {
        const again = await run(threads);
        assert.equal(again.losses, first.losses, `${dtype}, ${threads} threads`);
        assert.ok(
          Buffer.compare(bytesOf(again.grad), bytesOf(first.grad)) === 0,
          `${dtype}, ${threads} threads`,
        );
      }
    }
  });

test('handles give the bits that arrays give', async () => {
  const expected = fusedLoss(inputs, options);
  for (const threads of threadCounts.slice(0, 2)) {
    const device = openTestDevice({ threads });
    const batch = device.batch({ rois, classes: 21 });
    batch.write(inputs);
    assert.equal(await fusedLoss(batch).losses(), expected.losses);
    for (const name of names)
      assertSame((await batch.grads[name].read()) as Float32Array, expected.grads[name], name);
    device.dispose();
  }
});

test.run();
