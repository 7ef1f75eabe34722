import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DType, devices, fusedLoss, openDevice, type Tensor } from 'roi-loss';

// The Node side: opens the tensors of a PyTorch process, computes losses and gradients on the GPU, and hands the gradients
// back. Nothing is copied on the way.

interface Shared {
  readonly handle: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

const share = (tensor: Tensor): Shared => ({
  handle: Buffer.from(tensor.ipcHandle()).toString('hex'),
  offset: 0,
  shape: tensor.shape,
  dtype: tensor.dtype,
});

async function main(): Promise<void> {
  const gpu = devices().find(({ name }) => name.startsWith('cuda'));
  if (!gpu?.available) {
    console.log(`This example needs an NVIDIA GPU and a python3 with PyTorch: ${gpu?.reason}.`);
    return;
  }
  using device = openDevice('cuda');
  console.log(device.description);
  const python = spawn('python3', [join(__dirname, 'trainer.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const receive = async <T>(): Promise<T> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the PyTorch process ended; what it said stands above');
    return JSON.parse(value);
  };

  const shared = await receive<{ [name: string]: Shared }>();
  const tensors = Object.entries(shared).map(([name, { handle, shape, dtype, offset }]) => {
    const bytes = Uint8Array.from(Buffer.from(handle, 'hex'));
    return [name, device.tensorFromIpc(bytes, shape, dtype, offset)] as const;
  });
  using batch = device.batch(Object.fromEntries(tensors));
  const losses = await fusedLoss(batch).losses();
  const { classLogits, maskLogits } = batch.grads;
  const grads = { classLogits: share(classLogits), maskLogits: share(maskLogits) };
  python.stdin.write(`${JSON.stringify({ grads })}\n`);

  const theirs = await receive<{ loss: number; errors: { [name: string]: number } }>();
  console.log(`loss      ${losses.total}; PyTorch: ${theirs.loss}`);
  for (const [name, error] of Object.entries(theirs.errors))
    console.log(`gradient  of ${name}: off by ${error.toExponential(1)} of the largest`);
  python.stdin.end();
  for (const [, tensor] of tensors) tensor.dispose();
}

main();
