import { Batch, LossStep, openDevice, Tensor, TermStep } from 'roi-loss';
import { check } from '../support/throws';

const device = openDevice('cpu');
const classes = { Device: device.constructor, Batch, Tensor, TermStep, LossStep } as unknown as {
  [name: string]: new () => unknown;
};

check(
  'constructors, which types keep private',
  Object.entries(classes).map(([name, Class]) => [
    name,
    'TYPE',
    TypeError,
    ['which makes it'],
    () => new Class(),
  ]),
);
