import { parseArgs } from 'node:util';

export interface Arguments {
  /** Where to write what was measured. */
  readonly json?: string;
  /** A folder for JSON, Markdown and charts. */
  readonly out?: string;
  /** The JSON of an earlier run. */
  readonly compare?: string;
  /** Of the names of the cases to run. */
  readonly filter: string;
  readonly quick: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [--quick] [--filter TEXT] [--out DIR] [--json FILE] [--compare FILE]

  --quick         fewer cases and samples: a minute instead of several, and more noise
  --filter TEXT   the cases whose names hold TEXT
  --out DIR       write JSON, Markdown and SVG charts to DIR, named after the machine
  --json FILE     write the timings with their quartiles, the verdicts and the machine to FILE
  --compare FILE  tell what changed by more than the noise since the run that wrote FILE
  --help          this text`;

/** @throws where an option is unknown or has no value */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      out: { type: 'string' },
      compare: { type: 'string' },
      filter: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values as Arguments;
}
