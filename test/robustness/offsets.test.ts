import { totalmem } from 'node:os';
import { type DType, devices, fusedBoxLoss, fusedClassLoss, fusedMaskLoss, type Tensor } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { floats, random } from '../../lib/reference/random';
import { onCuda, openTestDevice, simulated } from '../support/device';
import { halves } from '../support/half';

// Tensors of more than 2³¹ elements and 2²⁰ RoIs: a few RoIs before and after the places where 32 bits end have losses
// and gradients that are, bit by bit, those of a batch that has nothing but them. Of tensors that a step writes whole
// every byte is memory; the others are left alone but for a few rows, which on the CPU take no memory.

const test = suite('offsets');

const rois = 2 ** 20;
const neededBytes = 12e9;
const memory = onCuda ? (devices().find(({ name }) => name === 'cuda:0')?.memory ?? 0) : totalmem();
const device = openTestDevice();
const step = { reduction: 'sum', gradScale: 64 } as const;
const elementBytes = { float32: 4, float16: 2, bfloat16: 2, int32: 4, uint8: 1 };
type Bits = Uint16Array;

/** `length` elements of a tensor from `first` on. */
const part = (tensor: Tensor, first: number, length: number): Tensor =>
  device.tensorAt(
    tensor.pointer + BigInt(first) * BigInt(elementBytes[tensor.dtype as DType]),
    [length],
    tensor.dtype,
  );
const bitsOf = (seed: number, n: number): Bits =>
  Uint16Array.from(floats(random(seed), n, 2), halves.float16.to);

/** The first RoI, the last, and those where elements or bytes pass a power of 2. */
function chosenRois(elementsOfRoi: number): number[] {
  const at = [2 ** 30, 2 ** 31].flatMap((end) => [
    Math.floor(end / elementsOfRoi) - 1,
    Math.floor(end / elementsOfRoi) + 1,
  ]);
  return [0, ...at.filter((r) => r > 0 && r < rois - 1), rois - 1];
}

function addTests(): void {
  const pixels = 64;
  const classes = 33;
  const mask = { classes, maskSize: [8, 8] as const, terms: ['mask'] as const, dtype: 'float16' } as const;
  for (const rewrite of onCuda ? [false, true] : [false])
    for (const kind of ['bce', 'dice'] as const)
      test(`masks, ${kind}, rewrite ${rewrite}`, async () => {
        const ofRoi = classes * pixels;
        assert.ok(rois * ofRoi > 2 ** 31);
        const chosen = chosenRois(ofRoi);
        using batch = device.batch({ rois, ...mask, maskTargetType: 'uint8', rewrite });
        using few = device.batch({ rois: chosen.length, ...mask, maskTargetType: 'uint8', rewrite });
        for (const shift of [0, 7]) {
          const label = (i: number) => 1 + ((i * 5 + shift) % (classes - 1));
          const labels = new Int32Array(rois);
          chosen.forEach((r, i) => {
            labels[r] = label(i);
            const logits = bitsOf(i, pixels);
            const targets = Uint8Array.from({ length: pixels }, (_, k) => (k + i) % 2);
            part(batch.inputs.maskLogits, r * ofRoi + label(i) * pixels, pixels).write(logits);
            part(batch.inputs.maskTargets, r * pixels, pixels).write(targets);
            part(few.inputs.maskLogits, i * ofRoi + label(i) * pixels, pixels).write(logits);
            part(few.inputs.maskTargets, i * pixels, pixels).write(targets);
            // Nobody's zero.
            if (rewrite) part(batch.grads.maskLogits, r * ofRoi, ofRoi).write(bitsOf(9, ofRoi));
          });
          batch.write({ labels });
          few.write({ labels: Int32Array.from(chosen, (_, i) => label(i)) });
          const expected = await fusedMaskLoss(few, { ...step, kind }).loss();
          assert.is(await fusedMaskLoss(batch, { ...step, kind }).loss(), expected);
          for (const [i, r] of chosen.entries())
            assert.equal(
              await part(batch.grads.maskLogits, r * ofRoi, ofRoi).read(),
              await part(few.grads.maskLogits, i * ofRoi, ofRoi).read(),
              `RoI ${r}`,
            );
        }
      });

  for (const rewrite of onCuda ? [false, true] : [false])
    test(`boxes, rewrite ${rewrite}`, async () => {
      const classes = 520;
      const ofRoi = classes * 4;
      assert.ok(rois * ofRoi > 2 ** 31);
      const chosen = chosenRois(ofRoi);
      const box = { classes, terms: ['box'], dtype: 'float16', rewrite } as const;
      using batch = device.batch({ rois, ...box });
      using few = device.batch({ rois: chosen.length, ...box });
      const labels = new Int32Array(rois);
      chosen.forEach((r, i) => {
        labels[r] = classes - 1 - i;
        const deltas = bitsOf(i, 4);
        part(batch.inputs.boxDeltas, r * ofRoi + (classes - 1 - i) * 4, 4).write(deltas);
        part(few.inputs.boxDeltas, i * ofRoi + (classes - 1 - i) * 4, 4).write(deltas);
        if (rewrite) part(batch.grads.boxDeltas, r * ofRoi, ofRoi).write(bitsOf(9, ofRoi));
      });
      batch.write({ labels });
      few.write({ labels: Int32Array.from(chosen, (_, i) => classes - 1 - i) });
      const expected = await fusedBoxLoss(few, step).loss();
      assert.is(await fusedBoxLoss(batch, step).loss(), expected);
      for (const [i, r] of chosen.entries())
        assert.equal(
          await part(batch.grads.boxDeltas, r * ofRoi, ofRoi).read(),
          await part(few.grads.boxDeltas, i * ofRoi, ofRoi).read(),
          `RoI ${r}`,
        );
    });

  if (onCuda)
    test('classes', async () => {
      const classes = 2051;
      assert.ok(rois * classes > 2 ** 31);
      const chosen = chosenRois(classes);
      const scores = { classes, terms: ['class'], dtype: 'float16' } as const;
      using batch = device.batch({ rois, ...scores });
      using few = device.batch({ rois: chosen.length, ...scores });
      const labels = new Int32Array(rois).fill(-1);
      chosen.forEach((r, i) => {
        labels[r] = i * 7;
        const logits = bitsOf(i, classes);
        part(batch.inputs.classLogits, r * classes, classes).write(logits);
        part(few.inputs.classLogits, i * classes, classes).write(logits);
      });
      batch.write({ labels });
      few.write({ labels: Int32Array.from(chosen, (_, i) => i * 7) });
      assert.is(await fusedClassLoss(batch, step).loss(), await fusedClassLoss(few, step).loss());
      for (const [i, r] of chosen.entries())
        assert.equal(
          await part(batch.grads.classLogits, r * classes, classes).read(),
          await part(few.grads.classLogits, i * classes, classes).read(),
          `RoI ${r}`,
        );
    });
}

if (simulated) {
  console.log(
    'skipped: tensors of more than 2³¹ elements — on a device that notes what was written of each byte',
  );
  test.skip('tensors of more than 2³¹ elements');
} else if (memory < neededBytes) {
  console.log(
    `skipped: tensors of more than 2³¹ elements — they take ${neededBytes} bytes, there are ${memory}`,
  );
  test.skip('tensors of more than 2³¹ elements');
} else {
  addTests();
}

test.run();
