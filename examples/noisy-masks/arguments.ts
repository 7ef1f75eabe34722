import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { lossNames, quick, type Run, type Settings, thorough } from './settings';

export interface Arguments {
  readonly settings: Settings;
  readonly runs: readonly Run[];
  readonly out: string;
  readonly workers: number;
  readonly publish: boolean;
  readonly help: boolean;
}

const root = join(__dirname, '..', '..');
const defaultOut = relative(process.cwd(), join(root, 'build', 'noisy-masks'));

/** What is run unless options say otherwise; `thorough` is what the README shows. */
const defaults = {
  thorough: { seeds: 3, noise: '0,0.5,1' },
  quick: { seeds: 1, noise: '0,0.5' },
} as const;

export const usage = `npm run experiment -- [--quick] [--seeds N] [--noise LEVELS] [--steps N] [--workers N] [--out DIR] [--publish]

  --quick         few steps, scenes, noise levels and one seed: minutes instead of hours
  --seeds N       so many seeds, from 1 (default ${defaults.thorough.seeds}; with --quick ${defaults.quick.seeds})
  --noise LEVELS  levels of noise in the masks trained on, in [0, 1], with commas between
                  (default ${defaults.thorough.noise}; with --quick ${defaults.quick.noise})
  --steps N       training steps of a run (default ${thorough.steps}; with --quick ${quick.steps})
  --workers N     processes that train at the same time (default: the cores, ${availableParallelism()})
  --out DIR       where runs and pictures go (default ${defaultOut}); what is there already is not done again
  --publish       also renew the pictures, the summary and the README in examples/noisy-masks
  --help          this text`;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} is '${text}'; expected a whole number of at least 1`);
}

function levels(text: string): number[] {
  return text.split(',').map((part) => {
    const level = part.trim() === '' ? Number.NaN : Number(part);
    if (level >= 0 && level <= 1) return level;
    throw new Error(`--noise has '${part}'; expected levels in [0, 1] with commas between`);
  });
}

/** @throws where an option is unknown, has no value or a wrong one */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      seeds: { type: 'string' },
      noise: { type: 'string' },
      steps: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: defaultOut },
      publish: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const base = values.quick ? quick : thorough;
  const own = values.quick ? defaults.quick : defaults.thorough;
  const steps = values.steps ? wholeNumber('steps', values.steps) : base.steps;
  const seeds = wholeNumber('seeds', values.seeds ?? String(own.seeds));
  const noise = levels(values.noise ?? own.noise);
  return {
    settings: { ...base, steps },
    // Seed by seed, so that an interrupted experiment has whole comparisons.
    runs: Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
      [...new Set(noise)]
        .sort((a, b) => a - b)
        .flatMap((level) => lossNames.map((loss) => ({ loss, noise: level, seed }))),
    ),
    out: values.out,
    workers: wholeNumber('workers', values.workers),
    publish: values.publish,
    help: values.help,
  };
}
