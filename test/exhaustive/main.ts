import { cpus, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { type Program, programs } from '../support/math';
import { walkFloats } from './math';
import { sumPixels } from './sums';

// `npm run test:exhaustive`: what takes too long for `npm test`. `-- avx2 sums` for some of it, `-- --stride 1000` for
// every so manyth float.

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { stride: { type: 'string', default: '1' } },
  });
  const known = [...programs, 'sums'] as const;
  const unknown = positionals.find((word) => !known.some((name) => name === word));
  if (unknown) throw new Error(`'${unknown}' is none of ${known.join(', ')}`);
  const stride = Number(values.stride);
  if (!Number.isInteger(stride) || stride < 1) throw new Error(`--stride is ${values.stride}`);
  setPriority(10); // of what it starts, too
  console.log(`${cpus()[0]?.model}, ${process.platform} ${process.arch}`);
  const wrong: string[] = [];
  for (const name of positionals.length > 0 ? positionals : known)
    wrong.push(...(name === 'sums' ? await sumPixels() : await walkFloats(name as Program, stride)));
  for (const what of wrong) console.log(`failed: ${what}`);
  console.log(wrong.length > 0 ? `${wrong.length} bounds are broken` : 'all within their bounds');
  if (wrong.length > 0) process.exitCode = 1;
}

main();
