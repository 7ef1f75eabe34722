import { availableParallelism } from 'node:os';
import type { Peers } from './arguments';
import { bytesOf, type Case, matchingCases } from './cases';
import { contendersOf, lane, startThreads } from './contenders';
import type { Half } from './half';
import { inputsOf } from './inputs';
import { lastLevelCache, machineOf } from './machine';
import { measureMatching } from './matching';
import { checkOutcome, type Outcome, toleranceOf } from './outcome';
import { backends, howToInstall as howToInstallTfjs, loadTfjs, measureTfjs } from './peers/tfjs';
import { aboutTorch, Torch } from './peers/torch';
import type { Timing } from './statistics';
import { type Result, targetsOfCpu, verdictsOf } from './targets';
import { type Effort, race } from './timing';
import { cases } from './variants';

/** TensorFlow.js sums floats one after another. */
const toleranceOfTfjs = 1e-3;
/** Its steps take up to half a second. */
const samplesOfTfjs = ({ leastSamples }: Effort) => Math.min(3, Math.ceil(leastSamples / 2));

/** The cases of the CPU, on one thread and on all. */
export async function startCpu(effort: Effort, peers: Peers): Promise<Half> {
  const pools = [...new Set([1, availableParallelism()])].map(startThreads);
  const threads = pools.map((pool) => pool.threads);
  const isAlone = peers === 'none';
  const started = isAlone ? undefined : await Torch.start();
  const tf = isAlone ? undefined : await loadTfjs();

  async function measure(spec: Case): Promise<Result> {
    if (spec.match) return measureMatching(spec, pools, started?.torch, effort);
    const inputs = inputsOf(spec);
    const { contenders, batches } = contendersOf(spec, inputs, pools);
    const expected = contenders[lane('handles', 1)]!.outcome!();
    const tolerance = toleranceOf(spec);
    for (const [name, { outcome }] of Object.entries(contenders))
      if (outcome) checkOutcome(`${spec.name}, ${name}`, outcome(), expected, tolerance);
    const runs = Object.entries(contenders).map(([name, { run }]) => [name, run] as const);
    const timings: { [lane: string]: Timing } = race(Object.fromEntries(runs), effort);
    for (const batch of batches) batch.dispose();

    const options = { device: 'cpu', threads, cache: lastLevelCache(), effort, expected, tolerance } as const;
    const inTorch =
      spec.peers === 'none' ? undefined : await started?.torch.measure(spec, inputs.peers, options);
    Object.assign(timings, inTorch?.timings);
    for (const backend of tf && !spec.peers ? backends : []) {
      const who = `${spec.name}, TensorFlow.js (${backend})`;
      const check = (outcome: Outcome) => checkOutcome(who, outcome, expected, toleranceOfTfjs);
      const effortOfTfjs = { ...effort, leastSamples: samplesOfTfjs(effort) };
      const inTf = await measureTfjs(tf!, backend, spec, inputs.peers, effortOfTfjs, check);
      if (inTf) timings[lane(`tfjs ${backend}`, 1)] = inTf;
    }
    return { spec, bytes: bytesOf(spec), timings, absent: inTorch?.absent ?? {} };
  }

  return {
    cases: [...cases, ...matchingCases],
    machine: machineOf(),
    device: pools.at(-1)!.device.description,
    peers: isAlone
      ? {}
      : {
          ...aboutTorch(started),
          tfjs: tf ? `TensorFlow.js ${tf.version_core}` : `absent: ${howToInstallTfjs}`,
        },
    lanes: { ours: lane('handles', 1), floor: lane('a + b', 1) },
    caption:
      'Medians ± half the distance between the quartiles; forward + backward, data warm in the cache, unless the name says otherwise.',
    measure,
    verdictsOf: (results) => verdictsOf(results, targetsOfCpu(threads)),
    [Symbol.dispose]: () => started?.torch[Symbol.dispose](),
  };
}
