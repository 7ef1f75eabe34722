import { fusedLoss, fusedMaskLoss, type Tensor } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeMemory } from '../../lib/native';
import { inputsOf } from '../../lib/reference/random';
import { asynchronous, openTestDevice } from '../support/device';
import { throws } from '../support/throws';

// Reading a tensor leaves the event loop free, and what is read is what was there when the read was enqueued.

const test = suite('read');

const device = openTestDevice({ threads: 1 });
const sizes = { rois: 9, classes: 5, maskSize: [8, 6] as const };
const count = 2 ** 24 + 3; // 64 MiB, and no whole number of pieces

const turn = () => new Promise((resolve) => setImmediate(resolve));

if (asynchronous)
  test('the event loop turns while the copy is under way', async () => {
    const tensor = device.tensor(new Float32Array(count).fill(1), [count]);
    const { memory } = tensor as unknown as Tensor & { memory(name: string): NativeMemory };
    let turns = 0;
    // Again where the machine gave this thread no time meanwhile.
    for (let attempt = 0; attempt < 20 && turns === 0; attempt++) {
      const array = new Float32Array(count);
      const pending = memory.call(tensor, 'tensor').readLater(array);
      let done = false;
      const end = pending?.done().then(() => {
        done = true;
      });
      while (!done) {
        await turn();
        // Copies go up or down, and may do both ends last.
        if (array[count >> 2] !== array[count - (count >> 2)]) turns++;
      }
      await end;
      assert.is(array.indexOf(0), -1);
    }
    assert.ok(turns > 0, 'no turn saw a part of the array');
  });

test('every element of tensors of all lengths and types', async () => {
  for (const length of [0, 1, 5, 2 ** 20, 2 ** 20 + 1, 2 ** 21 + 7]) {
    const array = Float32Array.from({ length }, (_, i) => i);
    assert.ok(same(await device.tensor(array, [length]).read(), array), `${length} floats`);
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
    assert.ok(same(await device.tensor(bytes, [length]).read(), bytes), `${length} bytes`);
  }
});

const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length && Array.prototype.every.call(a, (x, i) => x === b[i]);

test('later steps and writes do not reach what is being read', async () => {
  const batch = device.batch(sizes);
  const [first, second] = [inputsOf(1, sizes), inputsOf(2, sizes)];
  batch.write(first);
  fusedMaskLoss(batch);
  const grad = batch.grads.maskLogits.read();
  const logits = batch.inputs.maskLogits.read();
  batch.write(second);
  fusedMaskLoss(batch);
  const later = batch.grads.maskLogits.read();
  const reference = device.batch(sizes);
  reference.write(first);
  fusedMaskLoss(reference);
  assert.equal(await grad, reference.grads.maskLogits.readSync());
  assert.equal(await logits, first.maskLogits);
  reference.write(second);
  fusedMaskLoss(reference);
  assert.equal(await later, reference.grads.maskLogits.readSync());
});

test('a tensor that is disposed amid a read', async () => {
  const tensor = device.tensor(new Float32Array(count).fill(3), [count]);
  const read = tensor.read();
  tensor.dispose();
  device.tensor(new Float32Array(count), [count]);
  assert.is((await read).indexOf(0), -1);
  await throws(() => tensor.read(), TypeError, 'ERR_ROI_LOSS_DISPOSED', 'tensor');
});

test('many reads at once, and steps between', async () => {
  const batch = device.batch(sizes);
  batch.write(inputsOf(3, sizes));
  const reads = Array.from({ length: 100 }, () => {
    fusedLoss(batch);
    return batch.grads.boxDeltas.read();
  });
  for (const grad of await Promise.all(reads)) assert.equal(grad, batch.grads.boxDeltas.readSync());
});

test.run();
