import { type Batch, type Device, fusedLoss, openDevice } from 'roi-loss';
import { type Case, hasGrad, maskSizeOf, termsOf } from '../cases';
import { encoded, gradOf } from '../contenders';
import { halfOf } from '../encoding';
import { type CaseInputs, gradNames } from '../inputs';
import type { Outcome } from '../outcome';
import { bytesOfTensor, memoryOf, nativeOf } from './native';

// Mask logits of all channels, and their gradient, are a billion bytes in some cases. The host makes and checks the channel
// that counts, and no array is as large.

/** Mask logits go to the device once; the rows that are the same again are copied there. */
export function writeInputs(spec: Case, { rest, firstMaskLogits }: CaseInputs, batch: Batch): void {
  batch.write(encoded(spec, rest));
  if (!firstMaskLogits) return;
  const tensor = batch.inputs.maskLogits;
  const native = nativeOf(batch.device);
  const { pointer } = memoryOf(tensor);
  const first = halfOf(spec)?.encode(firstMaskLogits) ?? firstMaskLogits;
  native.borrow(pointer, first.byteLength).write(first);
  const total = bytesOfTensor(tensor);
  for (let done = first.byteLength; done < total; done *= 2) {
    const bytes = Math.min(done, total - done);
    native.copy(native.borrow(pointer + BigInt(done), bytes), native.borrow(pointer, bytes));
  }
}

const hasChannels = ({ sizes: { maskGrad, maskChannels, classes } }: Case) =>
  maskGrad !== 'compact' && (maskChannels ?? classes) > 1;

/** What all must compute, by the CPU: of a mask gradient the label's channel, [P, H, W]. */
export function expectedOf(spec: Case, inputs: CaseInputs): Outcome {
  using device: Device = openDevice('cpu');
  const masks = termsOf(spec).includes('mask') && ({ maskChannels: 1, maskGrad: 'compact' } as const);
  const alone: Case = { ...spec, sizes: { ...spec.sizes, rewrite: false, ...masks } };
  using batch = device.batch(alone.sizes);
  batch.write(encoded(alone, inputs.picked));
  return outcomeOf(alone, inputs, batch);
}

/** What a step on the batch computes: of a mask gradient the label's channel, [P, H, W]. */
export function outcomeOf(spec: Case, inputs: CaseInputs, batch: Batch): Outcome {
  const loss = fusedLoss(batch, spec.options).lossesSync().total;
  if (!hasGrad(spec)) return { loss, grads: {} };
  const grads = gradNames(inputs.picked).map((name) => {
    const isDense = name === 'maskLogits' && hasChannels(spec);
    return [name, isDense ? pickGrad(spec, inputs, batch) : gradOf(spec, batch, name)] as const;
  });
  return { loss, grads: Object.fromEntries(grads) };
}

const channelOf = ({ labels: [{ labels }] }: CaseInputs, p: number) => Math.max(0, labels[p]!);

/** So many bytes are read at once. */
const piece = 2 ** 24;

/** @throws where another channel than the label's is not all zeros */
function pickGrad(spec: Case, inputs: CaseInputs, batch: Batch): Float32Array {
  const tensor = batch.grads.maskLogits;
  const [masks, channels] = tensor.shape as [number, number];
  const half = halfOf(spec);
  const pixels = tensor.length / masks / channels;
  const element = half ? 2 : 4;
  const channel = pixels * element;
  const row = channels * channel;
  const rows = Math.max(1, Math.min(masks, Math.floor(piece / row)));
  const zeros = Buffer.alloc(row);
  const picked = Buffer.alloc(masks * channel);
  for (let begin = 0; begin < masks; begin += rows) {
    const many = Math.min(rows, masks - begin);
    const bytes = new Uint8Array(many * row);
    const memory = nativeOf(batch.device).borrow(
      memoryOf(tensor).pointer + BigInt(begin * row),
      bytes.length,
    );
    memory.read(bytes);
    const read = Buffer.from(bytes.buffer);
    for (let p = begin; p < begin + many; p++) {
      const start = (p - begin) * row;
      const own = start + channelOf(inputs, p) * channel;
      const isZero = (from: number, to: number) =>
        read.subarray(from, to).equals(zeros.subarray(0, to - from));
      if (!isZero(start, own) || !isZero(own + channel, start + row))
        throw new Error(
          `WRONG: the gradient of maskLogits[${p}] is not 0 in all channels but its label's, ${channelOf(inputs, p)}`,
        );
      read.copy(picked, p * channel, own, own + channel);
    }
  }
  return half
    ? half.decode(new Uint16Array(picked.buffer, picked.byteOffset, masks * pixels))
    : new Float32Array(picked.buffer, picked.byteOffset, masks * pixels);
}

/** The same with a dense mask gradient, [P, C, H, W], as peers compute it. */
export function withAllChannels(spec: Case, inputs: CaseInputs, expected: Outcome): Outcome {
  const { maskLogits } = expected.grads;
  if (!maskLogits || !hasChannels(spec)) return expected;
  const { classes, maskChannels = classes } = spec.sizes;
  const [height, width] = maskSizeOf(spec);
  const pixels = height * width;
  const all = new Float32Array(maskLogits.length * maskChannels);
  for (let p = 0; p < maskLogits.length / pixels; p++)
    all.set(
      maskLogits.subarray(p * pixels, (p + 1) * pixels),
      (p * maskChannels + channelOf(inputs, p)) * pixels,
    );
  return { ...expected, grads: { ...expected.grads, maskLogits: all } };
}
