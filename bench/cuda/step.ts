import { fusedLoss, openDevice } from 'roi-loss';
import { encoded } from '../contenders';
import { inputsOf } from '../inputs';
import { cudaCases } from './cases';

// Some steps of the case that is named, for a profiler to look at: node --import tsx bench/cuda/step.ts 'R = F = 4096, sparse'

const name = process.argv[2];
const spec = cudaCases.find((one) => one.name === name);
if (!spec) throw new Error(`no case is named '${name}'`);
const inputs = inputsOf(spec);
using device = openDevice('cuda');
using batch = device.batch(spec.sizes);
batch.write(encoded(spec, inputs.own));
for (const turn of [0, 1, 0]) {
  if (spec.newLabels) batch.write(inputs.labels[turn]!);
  fusedLoss(batch, spec.options).lossesSync();
}
