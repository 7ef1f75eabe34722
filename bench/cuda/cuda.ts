import { devices, openDevice } from 'roi-loss';
import type { Peers } from '../arguments';
import { bytesOf, type Case } from '../cases';
import type { Half } from '../half';
import { type CaseInputs, inputsOf } from '../inputs';
import { machineOf } from '../machine';
import { checkOutcome, type Outcome, toleranceOf } from '../outcome';
import { aboutTorch, Torch } from '../peers/torch';
import { type Result, verdictsOf } from '../targets';
import type { Effort } from '../timing';
import { cudaCases, tiny } from './cases';
import { isBroken, measureElsewhere } from './elsewhere';
import { hostTimes } from './host';
import { expectedOf, outcomeOf, withAllChannels } from './inputs';
import { delayOf, floorsOf, makeBatches, Scratch, type Sizes, stepsOf } from './memory';
import { nativeOf, standInOf } from './native';
import { raceReplays } from './replays';
import { gpu, targetsOfCuda } from './targets';

/** Of a GPU's memory, for the batches of a case. */
const shareOfMemory = 0.4;

/** They take a GPU some 200 µs. */
const launches = 200;

/** The ways of running PyTorch on a GPU that are timed of a case. Compiling takes half a minute each. */
const waysOf = ({ peers: ofCase, group }: Case, peers: Peers) =>
  (['eager', 'graph', 'compile'] as const).filter(
    (way) => ofCase !== 'none' && ['all', way].includes(peers) && (way !== 'compile' || group === 'CUDA'),
  );

/** What the ways of writing gradients share: inputs, and what is computed of them. */
const keyOf = ({ sizes: { maskGrad: _, rewrite: __, ...sizes }, foreground, options }: Case) =>
  JSON.stringify({ sizes, foreground, options });

/** `make`, that is not called twice in a row for the same key. */
function rememberLast<T>(keyFor: (spec: Case) => string, make: (spec: Case) => T): (spec: Case) => T {
  let last: { readonly key: string; readonly made: T } | undefined;
  return (spec) => {
    const key = keyFor(spec);
    if (last?.key !== key) last = { key, made: make(spec) };
    return last.made;
  };
}

/** The cases of a GPU, or of the stand-in in small. */
export async function startCuda(effort: Effort, peers: Peers): Promise<Half> {
  const info = devices().find(({ name }) => name.startsWith('cuda'))!;
  const simulator = standInOf(info);
  const standIn = simulator && `cuda (${simulator})`;
  // The context lives as long as a device does.
  const keeper = openDevice('cuda');
  const sizes: Sizes = standIn
    ? { cache: 4096, memory: 2 ** 24, launches: 2, burst: 4 }
    : { cache: nativeOf(keeper).cacheBytes(), memory: shareOfMemory * info.memory!, launches, burst: 64 };
  const started = standIn || peers === 'none' ? undefined : await Torch.start();
  const torch = started?.about.cuda ? started.torch : undefined;
  const expectedOnce = rememberLast(keyOf, (spec) => {
    const inputs = inputsOf(spec);
    return { inputs, expected: expectedOf(spec, inputs) };
  });

  /** Graphs, and what they work on, last as long as the device. */
  async function timingsOf(spec: Case, inputs: CaseInputs, expected: Outcome): Promise<Result['timings']> {
    using device = openDevice('cuda');
    const batches = makeBatches(device, spec, inputs, sizes);
    try {
      using scratch = new Scratch(device);
      checkOutcome(`${spec.name}, CUDA`, outcomeOf(spec, inputs, batches[0]!), expected, toleranceOf(spec));
      const steps = stepsOf(device, spec, inputs, batches, scratch, sizes);
      const replays = { [gpu]: steps, ...floorsOf(device, spec, scratch, sizes) };
      const onGpu = raceReplays(device, delayOf(device, sizes), replays, effort);
      return { ...onGpu, ...(await hostTimes(batches[0]!, spec.options, sizes, effort)) };
    } finally {
      for (const batch of batches) batch.dispose();
    }
  }

  const measureTorch = rememberLast(
    (spec) => keyOf(spec) + spec.sizes.maskGrad,
    async (spec: Case) => {
      const { inputs, expected } = expectedOnce(spec);
      return torch?.measure(spec, inputs.peers, {
        device: 'cuda',
        threads: [],
        ways: waysOf(spec, peers),
        cache: sizes.cache,
        effort,
        expected: withAllChannels(spec, inputs, expected),
        tolerance: toleranceOf(spec),
      });
    },
  );

  let mustLeave = false;
  async function measure(spec: Case): Promise<Result> {
    if (mustLeave) return measureElsewhere(spec.name, effort, peers);
    try {
      return await measureHere(spec);
    } catch (error) {
      mustLeave = isBroken();
      throw error;
    }
  }

  async function measureHere(spec: Case): Promise<Result> {
    const { inputs, expected } = expectedOnce(spec);
    const timings = await timingsOf(spec, inputs, expected);
    // Graphs that are forgotten still hold the device's memory.
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    const inTorch = waysOf(spec, peers).length === 0 ? undefined : await measureTorch(spec);
    return {
      spec,
      bytes: bytesOf(spec),
      timings: { ...timings, ...inTorch?.timings },
      absent: inTorch?.absent ?? {},
    };
  }

  const isChosen = (spec: Case) => peers === 'all' || peers === 'none' || waysOf(spec, peers).length > 0;
  const chosen = cudaCases.filter(isChosen);
  const { description, computeCapability, driver } = info;
  const about = `${description}, compute capability ${computeCapability}, driver for CUDA ${driver}`;
  return {
    cases: standIn ? chosen.map(tiny) : chosen,
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
