#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { deviceName, deviceNames } from '../device-name';

const usage = `roi-loss <command> [options]

  devices   lists devices, and why any is not usable
  check     every loss on every usable device against a reference in float64
  bench     the time of a step of every loss on every usable device
  help      this text

  --device NAME  check, bench: only on ${deviceNames}; an error if it is not usable
  --json         JSON on standard output
  -v, --version  the version of roi-loss
  -h, --help     this text

Exit codes: 0 all is well; 1 a check failed or something could not be run; 2 wrong usage.`;

export interface Arguments {
  readonly json: boolean;
  readonly device?: string;
}

/** Returns whether all is well. */
type Command = (args: Arguments) => Promise<boolean>;

// Loaded when it is known which: the help works where the addon does not load.
const commands: { readonly [name: string]: () => Promise<Command> } = {
  devices: async () => (await import('./devices.js')).devicesCommand,
  check: async () => (await import('./check.js')).checkCommand,
  bench: async () => (await import('./bench.js')).benchCommand,
};

const flag = { type: 'boolean', default: false } as const;

function parse(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      device: { type: 'string' },
      json: flag,
      help: { ...flag, short: 'h' },
      version: { ...flag, short: 'v' },
    },
  });
  const [name, ...rest] = positionals;
  if (name === 'help') return { ...values, help: true };
  if (values.help || values.version) return values;
  if (name === undefined) throw new Error('a command is missing');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Error(`'${name}' is no command`);
  if (rest.length > 0) throw new Error(`'${rest[0]}' is one argument too many`);
  if (values.device !== undefined) {
    if (name === 'devices') throw new Error('devices takes no --device');
    if (!deviceName.test(values.device))
      throw new Error(`--device is '${values.device}'; expected ${deviceNames}`);
  }
  return { ...values, command };
}

async function main(): Promise<number> {
  let args: ReturnType<typeof parse>;
  try {
    args = parse(process.argv.slice(2));
  } catch (error) {
    console.error(`roi-loss: ${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (args.help) console.log(usage);
  else if (args.version) console.log(require('../../package.json').version);
  if (!('command' in args)) return 0;
  try {
    const { device, json } = args;
    return (await (await args.command())({ json, ...(device !== undefined && { device }) })) ? 0 : 1;
  } catch (error) {
    console.error(`roi-loss: ${(error as Error).message}`);
    return 1;
  }
}

// A reader that has gone, such as `head`, wants no more lines; the exit code still says how the command ended.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

main().then((code) => {
  process.exitCode = code;
});
