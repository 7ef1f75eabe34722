import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asynchronous, simulated } from '../support/device';

// A call of the driver's that fails is an error with its name, and all the rest goes on. The stand-in lets any call fail.

const test = suite('failures on CUDA');

/** Does `act` twice and then what it did not break. Prints what went wrong, and whether the losses are right. */
const script = (act: string) => `
  const { fusedLoss, openDevice } = require('roi-loss');
  const device = openDevice('cuda');
  const sizes = { rois: 9, classes: 5, maskSize: [4, 4] };
  const inputs = { labels: new Int32Array(9).fill(2), maskLogits: new Float32Array(9 * 5 * 16).map((_, i) => i % 7) };
  const made = (device) => {
    const batch = device.batch({ ...sizes, terms: ['mask'] });
    batch.write(inputs);
    return batch;
  };
  const expected = fusedLoss(made(openDevice('cpu'))).lossesSync().total;
  const big = device.tensor(new Float32Array(2 ** 21).fill(3), [2 ** 21]);
  const batch = made(device);
  (async () => {
    const errors = [];
    for (let i = 0; i < 2; i++) {
      try {
        await (${act});
      } catch ({ code, message }) {
        errors.push(code + ': ' + message);
      }
    }
    const losses = [await fusedLoss(batch).losses(), await batch.capture(() => fusedLoss(batch)).launch().losses()];
    const right = losses.every(({ total }) => Math.abs(total / expected - 1) < 1e-5);
    const read = (await big.read()).every((x) => x === 3);
    console.log(JSON.stringify({ errors, right, read }));
  })();
`;

const step = 'fusedLoss(batch).losses()';
const capture = 'batch.capture(() => fusedLoss(batch))';
const ownerCapture =
  'device.handle.beginCapture(), fusedLoss(batch), device.handle.endCapture().launch(), device.synchronize()';

/** What fails, what is done, and the words of the one error. */
const failures: readonly [string, string, string][] = [
  ['cuModuleLoadData:2=999', "openDevice('cuda:1')", 'loading the kernels'],
  // The second attempt is right without loading the image once more.
  ['cuModuleGetFunction:1=500,cuModuleLoadData:2=999', step, 'looking for the kernel'],
  ['cuOccupancyMaxActiveBlocksPerMultiprocessor:1=1', step, 'asking for the occupancy'],
  ['cuLaunchKernel:1=701', step, 'launching a step'],
  ['cuStreamBeginCapture_v2:1=900', capture, 'beginning a capture'],
  ['cuLaunchKernel:1=701', capture, 'launching a step'],
  ['cuStreamEndCapture:1=901', capture, 'ending a capture'],
  ['cuGraphInstantiateWithFlags:1=2', capture, 'making a graph ready'],
  ['cuGraphLaunch:1=1', `${capture}.launch().losses()`, 'launching a graph'],
  ['cuGraphInstantiateWithFlags:1=2', ownerCapture, 'making a graph ready'],
  ['cuLaunchHostFunc:2=1', 'big.read()', 'copying within the host'],
  ['cuMemcpyDtoHAsync_v2:2=1', 'big.read()', 'copying to the host'],
  ['cuEventElapsedTime:1=600', 'device.time(() => {})', 'reading a time'],
];

function addTests(): void {
  for (const [fail, act, words] of failures)
    test(`${fail}, ${act}`, () => {
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', script(act)], {
        cwd: __dirname,
        encoding: 'utf8',
        env: { ...process.env, ROI_STANDIN_FAIL: fail },
      });
      assert.is(stderr, '');
      const { errors, ...rest } = JSON.parse(stdout);
      assert.is(errors.length, 1, stdout);
      assert.match(errors[0], /^ERR_ROI_LOSS_DEVICE: (.*: )?(CUDA_ERROR_|an unknown CUDA error)/);
      assert.match(errors[0], words);
      assert.equal(rest, { right: true, read: true });
    });
}

if (simulated && asynchronous) {
  addTests();
} else {
  console.log('skipped: failures of the driver — only the stand-in fails on demand');
  test.skip('failures of the driver');
}

test.run();
