import { type Batch, type DeviceInfo, devices, fusedLoss, openDevice } from 'roi-loss';
import { bytesOf, type Case } from '../cases';

import { encoded, gradsOf } from '../contenders';
import type { Half } from '../half';
import { type CaseInputs, inputsOf } from '../inputs';
import { machineOf } from '../machine';
import { checkOutcome, type Outcome, toleranceOf } from '../outcome';
import { aboutTorch, Torch } from '../peers/torch';
import { type Result, verdictsOf } from '../targets';
import type { Effort } from '../timing';
import { cudaCases, tiny } from './cases';
import { hostTimes } from './host';
import { delayOf, floorsOf, makeBatches, Scratch, type Sizes, stepsOf } from './memory';
import { nativeOf } from './native';
import { raceReplays } from './replays';
import { gpu, targetsOfCuda } from './targets';

/** Of a GPU's memory, for the batches of a case. */
const shareOfMemory = 0.4;

/** They take a GPU some 200 µs. */
const launches = 200;

/** What plays a GPU, by its own name: it says so in its description. */
const standInOf = ({ description }: DeviceInfo) => {
  const name = /stand-in|ptxrun/.exec(description)?.[0];
  return name && `cuda (${name})`;
};

function outcomeOf(spec: Case, { own }: CaseInputs, batch: Batch): Outcome {
  const loss = fusedLoss(batch, spec.options).lossesSync().total;
  return { loss, grads: gradsOf(spec, own, batch) };
}

/** On the CPU. */
function expectedOf(spec: Case, inputs: CaseInputs): Outcome {
  using device = openDevice('cpu');
  using batch = device.batch(spec.sizes);
  batch.write(encoded(spec, inputs.own));
  return outcomeOf(spec, inputs, batch);
}

/** The cases of a GPU, or of the stand-in in small. */
export async function startCuda(effort: Effort): Promise<Half> {
  const info = devices().find(({ name }) => name.startsWith('cuda'))!;
  const standIn = standInOf(info);
  // The context lives as long as a device does.
  const keeper = openDevice('cuda');
  const sizes: Sizes = standIn
    ? { cache: 4096, memory: 2 ** 24, launches: 2 }
    : { cache: nativeOf(keeper).cacheBytes(), memory: shareOfMemory * info.memory!, launches };
  const started = standIn ? undefined : await Torch.start();
  const torch = started?.about.cuda ? started.torch : undefined;

  /** Graphs, and what they work on, last as long as the device. */
  async function timingsOf(spec: Case, inputs: CaseInputs, expected: Outcome): Promise<Result['timings']> {
    using device = openDevice('cuda');
    const batches = makeBatches(device, spec, inputs, sizes);
    using scratch = new Scratch(device);
    checkOutcome(`${spec.name}, CUDA`, outcomeOf(spec, inputs, batches[0]!), expected, toleranceOf(spec));
    const steps = stepsOf(device, spec, inputs, batches, scratch, sizes);
    const replays = { [gpu]: steps, ...floorsOf(device, spec, scratch, sizes) };
    const onGpu = raceReplays(device, delayOf(device, sizes), replays, effort);
    const onHost = await hostTimes(batches[0]!, spec.options, effort);
    for (const batch of batches) batch.dispose();
    return { ...onGpu, ...onHost };
  }

  async function measure(spec: Case): Promise<Result> {
    const inputs = inputsOf(spec);
    const expected = expectedOf(spec, inputs);
    const tolerance = toleranceOf(spec);
    const timings = await timingsOf(spec, inputs, expected);
    // Graphs that are forgotten still hold the device's memory.
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    const options = { device: 'cuda', threads: [], cache: sizes.cache, effort, expected, tolerance } as const;
    const inTorch = spec.peers === 'none' ? undefined : await torch?.measure(spec, inputs.peers, options);
    return {
      spec,
      bytes: bytesOf(spec),
      timings: { ...timings, ...inTorch?.timings },
      absent: inTorch?.absent ?? {},
    };
  }

  const { description, computeCapability, driver } = info;
  const about = `${description}, compute capability ${computeCapability}, driver for CUDA ${driver}`;
  return {
    cases: standIn ? cudaCases.map(tiny) : cudaCases,
    machine: standIn ? `${standIn}, ${machineOf()}` : description,
    device: standIn ? `${about}: no GPU. Tiny sizes; its times mean nothing` : `${about}, ${machineOf()}`,
    peers: standIn ? { torch: 'timed beside a GPU alone' } : aboutTorch(started),
    lanes: { ours: gpu, floor: 'copy' },
    caption: `${standIn ? 'Times of a stand-in: they mean nothing. ' : ''}Medians ± half the distance between the quartiles. ${gpu}: time of a step by events around replays of graphs, cold; host: wall time in JavaScript.`,
    measure,
    verdictsOf: (results) => (standIn ? [] : verdictsOf(results, targetsOfCuda)),
    [Symbol.dispose]: () => {
      started?.torch[Symbol.dispose]();
      keeper.dispose();
    },
  };
}
