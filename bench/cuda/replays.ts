import type { Device } from 'roi-loss';
import type { NativeGraph } from '../../lib/native';
import { summarize, type Timing } from '../statistics';
import type { Effort } from '../timing';
import { nativeOf } from './native';

// GPU time: events around replays of graphs, in turns.

/** Work that is repeated over memory that is not in the cache any more. */
export interface Replay {
  readonly graph: NativeGraph;
  /** Pieces of work in the graph: a time is that of one. */
  readonly pieces: number;
  /** Enqueues what is not timed: it changes what the next replay works on, or takes it out of the cache. */
  readonly before: () => void;
}

const warmUps = 2;

/** Microseconds of the GPU for a piece. `delay` keeps the GPU busy while the host enqueues the rest. */
function timeOf(device: Device, delay: NativeGraph, { graph, pieces, before }: Replay): number {
  before();
  delay.launch();
  const begin = nativeOf(device).mark();
  graph.launch();
  return (nativeOf(device).mark().since(begin) * 1e3) / pieces;
}

/** Times all, a replay of each in turn. */
export function raceReplays(
  device: Device,
  delay: NativeGraph,
  replays: { readonly [lane: string]: Replay },
  { milliseconds, leastSamples }: Effort,
): { [lane: string]: Timing } {
  const lanes = Object.entries(replays).map(([name, replay]) => ({ name, replay, samples: [] as number[] }));
  for (const { replay } of lanes) for (let i = 0; i < warmUps; i++) timeOf(device, delay, replay);
  const end = performance.now() + milliseconds;
  for (let turns = 0; turns < leastSamples || performance.now() < end; turns++)
    for (const { replay, samples } of lanes) samples.push(timeOf(device, delay, replay));
  return Object.fromEntries(lanes.map(({ name, samples }) => [name, summarize(samples)]));
}
