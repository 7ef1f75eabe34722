import * as roiLoss from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestDevice } from '../support/device';
import { Realm } from '../support/realm';

// Errors have the classes of the realm that the package was loaded in, those of native code too.

const realm = new Realm();
const lib = realm.require('roi-loss') as typeof roiLoss;
const { name } = openTestDevice();

/** What went wrong, the code, the class, and an attempt, which is code of the realm. */
const attempts: readonly (readonly [string, string, string, string])[] = [
  [
    'a bad label of arrays',
    'LABEL',
    'RangeError',
    'lib.fusedClassLoss({ classLogits: new Float32Array(6), labels: Int32Array.of(0, 7) }, { device })',
  ],
  ['a bad label of a batch', 'LABEL', 'RangeError', 'lib.fusedClassLoss(withBadLabel()).loss()'],
  [
    'a bad label of a graph',
    'LABEL',
    'RangeError',
    'withBadLabel().capture((batch) => lib.fusedClassLoss(batch)).launch().loss()',
  ],
  [
    'a bad label that nobody awaits',
    'LABEL',
    'RangeError',
    '(lib.fusedClassLoss(withBadLabel()), device.synchronize())',
  ],
  [
    'more memory than there is',
    'MEMORY',
    'RangeError',
    "device.batch({ rois: 2 ** 30, classes: 1000, terms: ['class'] })",
  ],
  [
    'sizes that overflow',
    'SHAPE',
    'RangeError',
    'device.batch({ rois: 0, classes: 3, maskSize: [2 ** 30, 2 ** 30] })',
  ],
  ['an address beyond the last', 'SHAPE', 'RangeError', "device.tensorAt(2n ** 64n - 4n, [2], 'float32')"],
  [
    'a handle that nobody shares',
    'DEVICE',
    'Error',
    "device.tensorFromIpc(new Uint8Array(64), [1], 'float32')",
  ],
  [
    'an array that a getter detaches',
    'BUFFER',
    'TypeError',
    `(() => {
      const inputs = { classLogits: new Float32Array(6), labels: Int32Array.of(0, 1) };
      const { buffer } = inputs.classLogits;
      const options = { device, get weight() { structuredClone(buffer, { transfer: [buffer] }); return 1; } };
      return lib.fusedClassLoss(inputs, options);
    })()`,
  ],
  ['a GPU that is not there', 'DEVICE', 'Error', "lib.openDevice('cuda:99')"],
  ['an error of the package’s own', 'OPTION', 'TypeError', "lib.openDevice('cpu', { thread: 1 })"],
];

async function errorOf(attempt: () => unknown): Promise<Error> {
  try {
    await attempt();
  } catch (error) {
    return error as Error;
  }
  throw new Error('did not throw');
}

const test = suite('errors in another realm');

test('the realm has classes of its own', () => {
  assert.not.ok(realm.evaluate('Error') === Error);
});

for (const [what, code, type, attempt] of attempts)
  test(what, async () => {
    const device = lib.openDevice(name);
    const withBadLabel = () => {
      const batch = device.batch({ rois: 2, classes: 3, terms: ['class'] });
      batch.write({ labels: realm.evaluate('Int32Array.of(0, 7)') });
      return batch;
    };
    try {
      const error = await realm.evaluate<Promise<unknown>>(
        `(async () => { try { await ${attempt} } catch (error) { return error } })()`,
        { lib, device, withBadLabel },
      );
      const named = `${error}; expected a ${type} of the realm`;
      assert.ok(
        realm.evaluate(`error instanceof ${type} && error.constructor === ${type}`, { error }),
        named,
      );
      assert.ok(lib.isRoiLossError(error), named);
      assert.is(error.code, `ERR_ROI_LOSS_${code}`, error.message);
      assert.ok(error.stack?.startsWith(`${type}: ${error.message}\n    at `), error.stack);
      // Another copy of the package tells it, too.
      assert.ok(roiLoss.isRoiLossError(error));
    } finally {
      device.dispose();
    }
  });

test('handles of another copy of the package', async () => {
  const [device, own] = [lib.openDevice(name), roiLoss.openDevice(name)];
  const batch = device.batch({ rois: 4, classes: 3 });
  const labels = device.tensor(new Int32Array(4), [4]);
  const classLogits = own.tensor(new Float32Array(12), [4, 3]);
  const { message } = await errorOf(() => roiLoss.fusedLoss(batch));
  assert.match(message, 'inputs is a Batch of another copy of roi-loss');
  const options = { device } as const;
  const scores = { classLogits: new Float32Array(3), labels: Int32Array.of(1) };
  assert.match(
    (await errorOf(() => roiLoss.fusedLoss(scores, options))).message,
    'device is a Device of another copy',
  );
  assert.match(
    (await errorOf(() => own.batch({ classLogits, labels }))).message,
    'labels is a Tensor of another copy',
  );
  device.dispose();
  own.dispose();
});

test('isRoiLossError: errors of the package alone', () => {
  const coded = Object.assign(new Error('read'), { code: 'ENOENT' });
  const lookalike = { name: 'Error', message: '', code: 'ERR_ROI_LOSS_TYPE' };
  for (const value of [
    new Error('ERR_ROI_LOSS_TYPE'),
    coded,
    lookalike,
    'ERR_ROI_LOSS_TYPE',
    null,
    undefined,
  ])
    assert.is(roiLoss.isRoiLossError(value), false);
});

test.run();
