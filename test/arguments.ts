import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { targetNames, targets } from './support/targets';

// What `npm test --` takes.

const defaults = { devices: 'cpu,standin,gpu', jobs: '2', limit: '300' };

export const usage = `npm test -- [WORD …] [--devices LIST] [--jobs N] [--limit SECONDS] [--without WORD=REASON]

  WORD …                 the suites whose paths below test/ contain one of the words (default: all)
  --devices LIST         some of ${Object.keys(targets).join()} (default ${defaults.devices})
  --jobs N               files that run at once (default ${defaults.jobs})
  --limit SECONDS        that a file may take (default ${defaults.limit})
  --without WORD=REASON  skips files whose names or paths begin with the word; repeatable
  --build                builds the package first, as \`npm test\` does
  --help                 this text`;

export interface Arguments {
  /** Paths below this folder, with slashes, sorted. */
  readonly chosen: readonly string[];
  readonly devices: string;
  readonly jobs: number;
  readonly limit: number;
  readonly without: readonly { readonly word: string; readonly reason: string }[];
  readonly build: boolean;
  readonly help: boolean;
}

const suiteNames = readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => name.replaceAll('\\', '/'))
  .sort();

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} is '${text}'; expected a whole number of at least 1`);
}

/** @throws where an option is unknown, has no value or a wrong one, and where no path contains a word */
export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals: words } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      devices: { type: 'string', default: defaults.devices },
      jobs: { type: 'string', default: defaults.jobs },
      limit: { type: 'string', default: defaults.limit },
      without: { type: 'string', multiple: true, default: [] },
      build: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  targetNames(values.devices);
  const without = values.without.map((text) => {
    const [word = '', reason] = text.split(/=(.*)/s);
    if (word && reason) return { word, reason };
    throw new Error(`--without is '${text}'; expected WORD=REASON`);
  });
  const unknown = words.filter((word) => !suiteNames.some((name) => name.includes(word)));
  if (unknown.length > 0)
    throw new Error(`no suite matches ${unknown.map((word) => `'${word}'`).join(', ')}`);
  return {
    ...values,
    chosen: suiteNames.filter((name) => words.length === 0 || words.some((word) => name.includes(word))),
    jobs: wholeNumber('jobs', values.jobs),
    limit: wholeNumber('limit', values.limit),
    without,
  };
}
