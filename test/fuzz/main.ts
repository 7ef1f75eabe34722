import { parseArgs } from 'node:util';
import { type ApiProgress, fuzzApi } from './api';

// npm run fuzz -- --minutes N [--seed S]

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!(minutes > 0) || !Number.isInteger(seed))
  throw new Error('usage: npm run fuzz -- --minutes N [--seed S]');
console.log(`seed ${seed}`);

const text = ({ device, runs, seconds }: ApiProgress) =>
  `${device}: ${runs} cases in ${seconds.toFixed(0)} s`;
const onProgress = (progress: ApiProgress) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${text(progress)}`);
};

fuzzApi({ minutes, seed, onProgress }).then(
  (done) => {
    for (const progress of done) console.log(`${process.stderr.isTTY ? '\r' : ''}${text(progress)}`);
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
