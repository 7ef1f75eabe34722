import { parseArgs } from 'node:util';
import { deviceName, deviceNames } from '../device-name';

export const usage = `roi-loss <command> [options]

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

const commandNames = ['devices', 'check', 'bench'] as const;
export type CommandName = (typeof commandNames)[number];

const flag = { type: 'boolean', default: false } as const;

/** What the command line asks for. @throws with what is wrong with it */
export function parse(args: string[]) {
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
  const command = commandNames.find((known) => known === name);
  if (!command) throw new Error(`'${name}' is no command`);
  if (rest.length > 0) throw new Error(`'${rest[0]}' is one argument too many`);
  if (values.device !== undefined) {
    if (name === 'devices') throw new Error('devices takes no --device');
    if (!deviceName.test(values.device))
      throw new Error(`--device is '${values.device}'; expected ${deviceNames}`);
  }
  return { ...values, command };
}
