import { writeFileSync } from 'node:fs';
import { devices, openDevice } from 'roi-loss';
import { captureStream } from '../../common/stream';
import { formatNumber, formatTime } from '../table';
import { quick } from '../timing';
import { delayOf, Scratch } from './memory';
import { nativeOf, standInOf } from './native';
import { raceReplays } from './replays';

// What the device is, and how fast it launches and copies: node --import tsx bench/cuda/rates.ts [FILE.txt].

const gpu = devices().find(({ name }) => name.startsWith('cuda'))!;
const bytes = standInOf(gpu) ? 2 ** 16 : 2 ** 30;
const launches = standInOf(gpu) ? 2 : 200;

using device = openDevice('cuda');
using scratch = new Scratch(device);
const native = nativeOf(device);
const [from, to] = [scratch.allocate(bytes), scratch.allocate(bytes)];
const delay = delayOf(device, { launches });
const replay = (pieces: number, enqueue: () => void) => ({
  graph: captureStream(device, () => {
    for (let i = 0; i < pieces; i++) enqueue();
  }),
  pieces,
  before: () => {},
});
const times = raceReplays(
  device,
  delay,
  {
    'empty kernel': replay(launches, () => native.launchNothing()),
    copy: replay(1, () => native.copy(to, from)),
    memset: replay(1, () => native.fill(to)),
  },
  quick,
);
const rate = (lane: 'copy' | 'memset', moved: number) =>
  `${formatTime(times[lane]!.median)}, ${formatNumber(moved / times[lane]!.median / 1e3)} GB/s`;
const { description, computeCapability, driver, memory } = gpu;
const text = [
  `${description}, compute capability ${computeCapability}, driver for CUDA ${driver}, ${formatNumber(memory! / 2 ** 30)} GiB, L2 ${formatNumber(native.cacheBytes() / 2 ** 20)} MiB`,
  `empty kernel in a graph: ${formatTime(times['empty kernel']!.median)}`,
  `copy of ${formatNumber(bytes / 2 ** 30)} GiB, read and written: ${rate('copy', 2 * bytes)}`,
  `memset of as much: ${rate('memset', bytes)}`,
].join('\n');
console.log(text);
const file = process.argv[2];
if (file) writeFileSync(file, `${text}\n`);
