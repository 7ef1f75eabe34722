import { parseArgs } from 'node:util';

export interface Arguments {
  /** Where to write what was measured. */
  readonly json?: string;
  /** A folder for JSON, Markdown and charts. */
  readonly out?: string;
  /** The JSON of an earlier run. */
  readonly compare?: string;
  /** One alone. */
  readonly device?: 'cpu' | 'cuda';
  /** Of the names of the cases to run: one that has any of them. None: all. */
  readonly filter: readonly string[];
  /** The name of a case: that one alone. */
  readonly case?: string;
  /** Which ways of running PyTorch, and what else runs there, are timed on a GPU; one way: cases that have it alone. */
  readonly peers: Peers;
  /** Where to write the table, after each case. */
  readonly table?: string;
  /** How often all is measured. */
  readonly runs: number;
  readonly quick: boolean;
  readonly help: boolean;
}

const peers = ['all', 'none', 'eager', 'graph', 'compile'] as const;
export type Peers = (typeof peers)[number];

export const usage = `npm run bench -- [--quick] [--runs N] [--device cpu|cuda] [--filter TEXT]... [--case NAME]
                  [--peers WAY] [--out DIR] [--json FILE] [--table FILE] [--compare FILE]

  --quick         fewer cases and samples: a minute instead of several, and more noise
  --runs N        measure everything N times: medians of the runs' medians, and the spread of all of them
  --device NAME   the cases of 'cpu' or of 'cuda' alone; default: of both, where there is a GPU
  --filter TEXT   the cases whose names hold TEXT; several times: any of them
  --case NAME     the case of that name alone
  --peers WAY     'none', or of a GPU's peers 'eager', 'graph' or 'compile' alone; default: 'all'
  --out DIR       write JSON, Markdown and SVG charts to DIR, named after the machine
  --json FILE     write the timings with their quartiles, the verdicts and the machine to FILE, after each case
  --table FILE    write the table, the verdicts and what failed to FILE, after each case
  --compare FILE  tell what changed by more than the noise since the run that wrote FILE
  --help          this text`;

/** @throws where an option is unknown or has no value, or none that it can have */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      out: { type: 'string' },
      compare: { type: 'string' },
      device: { type: 'string' },
      filter: { type: 'string', multiple: true, default: [] },
      case: { type: 'string' },
      peers: { type: 'string', default: 'all' },
      table: { type: 'string' },
      runs: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error(`--runs is '${values.runs}'; expected a whole number from 1`);
  if (values.device !== undefined && !['cpu', 'cuda'].includes(values.device))
    throw new Error(`--device is '${values.device}'; expected 'cpu' or 'cuda'`);
  if (!(peers as readonly string[]).includes(values.peers))
    throw new Error(`--peers is '${values.peers}'; expected ${peers.map((way) => `'${way}'`).join(', ')}`);
  return { ...values, runs } as Arguments;
}
