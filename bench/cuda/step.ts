import { devices, fusedLoss, openDevice } from 'roi-loss';
import { inputsOf } from '../inputs';
import { cudaCases, tiny } from './cases';
import { writeInputs } from './inputs';
import { standInOf } from './native';

// Some steps of the case that is named, for a profiler to look at: node --import tsx bench/cuda/step.ts 'R = F = 4096, sparse'

const name = process.argv[2];
const named = cudaCases.find((one) => one.name === name);
if (!named) throw new Error(`no case is named '${name}'`);
const isSimulated = devices().some((info) => info.name.startsWith('cuda') && standInOf(info));
const spec = isSimulated ? tiny(named) : named;
const inputs = inputsOf(spec);
using device = openDevice('cuda');
using batch = device.batch(spec.sizes);
writeInputs(spec, inputs, batch);
for (const turn of [0, 1, 0]) {
  if (spec.newLabels) batch.write(inputs.labels[turn]!);
  fusedLoss(batch, spec.options).lossesSync();
}
