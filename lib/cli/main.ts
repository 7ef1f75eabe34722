#!/usr/bin/env node
import { type Arguments, type CommandName, parse, usage } from './arguments';

/** Returns whether all is well. */
type Command = (args: Arguments) => Promise<boolean>;

// Loaded when it is known which: the help works where the addon does not load.
const commands: { readonly [K in CommandName]: () => Promise<Command> } = {
  devices: async () => (await import('./devices.js')).devicesCommand,
  check: async () => (await import('./check.js')).checkCommand,
  bench: async () => (await import('./bench.js')).benchCommand,
};

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
    return (await (
      await commands[args.command]()
    )({ json, ...(device !== undefined && { device }) }))
      ? 0
      : 1;
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
