import { fusedLoss } from 'roi-loss';
import { suite } from 'uvu';
import { inputsOf } from '../../lib/reference/random';
import { sceneOf } from '../../lib/reference/scenes';
import { openTestDevice } from '../support/device';
import { throws } from '../support/throws';

// Targets are made on the CPU alone so far: elsewhere objects are refused, not ignored.

const test = suite('objects on a GPU');

const sizes = { rois: 3, classes: 4, maskSize: [4, 4] as const };
const imageSize = [9, 9] as const;

test('objects in arrays are refused', async () => {
  using device = openTestDevice();
  const { boxTargets: _, maskTargets: __, ...logits } = inputsOf(1, sizes);
  const { gtPolygons: ___, ...objects } = sceneOf(2, { rois: 3, objects: 1, imageSize });
  await throws(
    () => fusedLoss({ ...logits, ...objects }, { device, maskSize: [4, 4], imageSize }),
    Error,
    'ERR_ROI_LOSS_DEVICE',
    'on the CPU alone so far',
    'boxTargets',
  );
});

test('a batch of objects is refused', async () => {
  using device = openTestDevice();
  await throws(
    () => device.batch({ ...sizes, objects: 1, imageSize }),
    Error,
    'ERR_ROI_LOSS_DEVICE',
    'on the CPU alone so far',
  );
});

test.run();
