import { fusedLoss, fusedMaskLoss } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inputsOf } from '../../lib/reference/random';
import { openTestDevice } from '../support/device';
import { captureStream, capturesStreams, handleOf } from '../support/stream';
import { throws } from '../support/throws';

// Steps in a CUDA graph of somebody else's, who captures the device's stream, and what that forbids meanwhile.

const test = suite('graphs of others on CUDA');

const device = openTestDevice();
const options = { classes: 5, maskSize: [8, 6] as const };
const sizes = { rois: 9, ...options };
const code = 'ERR_ROI_LOSS_CAPTURE';
const names = ['classLogits', 'boxDeltas', 'maskLogits'] as const;

function addTests(): void {
  test('several steps in one graph: inputs and labels change from run to run', async () => {
    const [batch, plain, other] = [device.batch(sizes), device.batch(sizes), device.batch(sizes)];
    const options = { class: { classWeights: Float32Array.of(1, 2, 0.5, 0, 3) }, metrics: true };
    other.write(inputsOf(99, sizes));
    const dice = await fusedMaskLoss(other, { kind: 'dice' }).loss();
    const steps: [ReturnType<typeof fusedLoss>, ReturnType<typeof fusedMaskLoss>][] = [];
    const graph = captureStream(device, () => {
      steps.push([fusedLoss(batch, options), fusedMaskLoss(other, { kind: 'dice' })]);
    });
    const [first, second] = steps[0]!;
    await throws(() => first.losses(), Error, code, 'not run');
    await throws(() => first.lossesSync(), Error, code, 'not run');
    for (let seed = 0; seed < 4; seed++) {
      const inputs = inputsOf(seed, sizes);
      batch.write(inputs);
      plain.write(inputs);
      const expected = fusedLoss(plain, options);
      graph.launch();
      assert.equal(await first.losses(), await expected.losses());
      assert.equal(first.lossesSync(), expected.lossesSync());
      assert.equal(await first.metrics(), await expected.metrics());
      assert.is(await second.loss(), dice);
      for (const name of names)
        assert.equal(await batch.grads[name].read(), await plain.grads[name].read(), `${name}, run ${seed}`);
    }
  });

  test('other steps between the runs, of the same batch and of a larger one', async () => {
    const batch = device.batch(sizes);
    batch.write(inputsOf(1, sizes));
    const expected = await fusedLoss(batch).losses();
    const steps: ReturnType<typeof fusedLoss>[] = [];
    const graph = captureStream(device, () => steps.push(fusedLoss(batch)));
    const many = { ...sizes, rois: 700 };
    const larger = device.batch(many);
    larger.write(inputsOf(2, many));
    const large = await fusedLoss(larger).losses();
    for (let i = 0; i < 3; i++) {
      graph.launch();
      assert.equal(await fusedLoss(larger).losses(), large);
      assert.equal(await fusedLoss(batch).losses(), expected);
      assert.equal(await steps[0]?.losses(), expected);
    }
  });

  test('a graph of batch.capture within one of the owner', async () => {
    const batch = device.batch(sizes);
    batch.write(inputsOf(3, sizes));
    const expected = await fusedLoss(batch).losses();
    const own = batch.capture(() => fusedLoss(batch));
    const steps: ReturnType<typeof fusedLoss>[] = [];
    const graph = captureStream(device, () => steps.push(own.launch()));
    own.dispose();
    graph.launch();
    assert.equal(await steps[0]?.losses(), expected);
  });

  test('a batch that is disposed after the capture is kept', async () => {
    const batch = device.batch(sizes);
    const inputs = inputsOf(4, sizes);
    batch.write(inputs);
    const expected = await fusedLoss(batch).losses();
    const steps: ReturnType<typeof fusedLoss>[] = [];
    const graph = captureStream(device, () => steps.push(fusedLoss(batch)));
    batch.dispose();
    device.tensor(new Float32Array(inputs.maskLogits.length).fill(7), [inputs.maskLogits.length]);
    graph.launch();
    assert.equal(await steps[0]?.losses(), expected);
  });

  test('a bad label is an error of whoever asks after the run', async () => {
    const batch = device.batch(sizes);
    const inputs = inputsOf(5, sizes);
    batch.write(inputs);
    const expected = await fusedLoss(batch).losses();
    const steps: ReturnType<typeof fusedLoss>[] = [];
    const graph = captureStream(device, () => steps.push(fusedLoss(batch)));
    batch.write({ labels: new Int32Array(9).fill(5) });
    graph.launch();
    await throws(async () => steps[0]?.losses(), RangeError, 'ERR_ROI_LOSS_LABEL', 'labels[0]', '5');
    batch.write(inputs);
    graph.launch();
    assert.equal(await steps[0]?.losses(), expected);
  });

  test('what needs the device meanwhile is an error, and the capture survives', async () => {
    const batch = device.batch(sizes);
    const inputs = inputsOf(6, sizes);
    batch.write(inputs);
    const before = fusedLoss(batch);
    const expected = await before.losses();
    const under = fusedLoss(batch);
    const steps: ReturnType<typeof fusedLoss>[] = [];
    const thrown: Promise<void>[] = [];
    const refused = (attempt: () => unknown) => thrown.push(throws(attempt, Error, code, 'being captured'));
    const graph = captureStream(device, () => {
      refused(() => batch.write(inputs));
      refused(() => batch.grads.boxDeltas.readSync());
      refused(() => batch.grads.boxDeltas.read());
      refused(() => device.tensor(new Float32Array(1), [1]));
      refused(() => device.synchronize());
      refused(() => batch.capture(() => fusedLoss(batch)));
      const step = fusedLoss(batch);
      refused(() => step.lossesSync());
      refused(() => step.losses());
      refused(() => openTestDevice({ stream: device.stream }));
      refused(() => device.time(() => fusedLoss(batch)));
      // A step that was under way before ends as ever.
      assert.equal(under.lossesSync(), expected);
      steps.push(step);
    });
    await Promise.all(thrown);
    graph.launch();
    assert.equal(await steps[0]?.losses(), expected);
  });

  test('a time that is measured while the stream is captured is an error, and the capture survives', async () => {
    const batch = device.batch(sizes);
    batch.write(inputsOf(7, sizes));
    const expected = await fusedLoss(batch).losses();
    // The capture begins while the time waits for its turn, or within what is to be timed.
    for (const within of [false, true]) {
      const steps: ReturnType<typeof fusedLoss>[] = [];
      const begin = () => {
        handleOf(device).beginCapture();
        steps.push(fusedLoss(batch));
      };
      const time = device.time(within ? begin : () => {});
      if (!within) begin();
      await throws(() => time, Error, code, 'being captured', 'measuring a time');
      handleOf(device).endCapture().launch();
      assert.equal(await steps[0]?.losses(), expected);
    }
    assert.ok((await device.time(() => fusedLoss(batch))) >= 0);
  });

  test('a device that is disposed waits for the graphs of its steps', async () => {
    for (let i = 0; i < 3; i++) {
      const own = openTestDevice();
      const batch = own.batch(sizes);
      const graph = captureStream(own, () => fusedLoss(batch));
      // Each leaves a result in pinned memory; the stand-in finds those that come too late.
      for (let run = 0; run < 30; run++) graph.launch();
      own.dispose();
    }
    const batch = device.batch(sizes);
    batch.write(inputsOf(8, sizes));
    assert.ok((await fusedLoss(batch).losses()).total > 0);
  });
}

if (capturesStreams(device)) {
  addTests();
} else {
  console.log('skipped: graphs of others — this driver has no CUDA graphs');
  test.skip('graphs of others');
}

test.run();
