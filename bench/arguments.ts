import { parseArgs } from 'node:util';

export interface Arguments {
  /** Where to write what was measured. */
  readonly json?: string;
  /** Of the names of the cases to run. */
  readonly filter: string;
  readonly quick: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [--quick] [--filter TEXT] [--json FILE]

  --quick        fewer samples: a minute instead of several, and more noise
  --filter TEXT  the cases whose names hold TEXT
  --json FILE    write the timings with their quartiles, the verdicts and the machine to FILE
  --help         this text`;

/** @throws where an option is unknown or has no value */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      filter: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values as Arguments;
}
