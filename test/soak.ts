import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { targetsOf } from './support/targets';

// The long variants of the suites of memory, failures and lifetimes, which print their figures:
// npm run test:soak [-- memory lifetimes cuda-injection --devices cpu,standin]

const all = ['robustness/memory', 'cuda/cuda-injection', 'robustness/lifetimes'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { devices: { type: 'string', default: 'cpu,standin' } },
});
const unknown = positionals.filter((word) => !all.some((name) => basename(name) === word));
if (unknown.length > 0) {
  console.error(
    `no suite to soak is called '${unknown[0]}'; expected ${all.map((name) => basename(name)).join(', ')}`,
  );
  process.exit(2);
}
const chosen = all.filter((name) => positionals.length === 0 || positionals.includes(basename(name)));
let failed = false;

const skip = (label: string, reason: string) => console.log(`skipped: ${label} — ${reason}`);
for (const target of targetsOf(values.devices, skip)) {
  for (const name of chosen) {
    if (name.startsWith('cuda') && target.label === 'cpu') continue;
    console.log(`\n${name}, ${target.label}`);
    const { status } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--expose-gc', join(__dirname, `${name}.test.ts`)],
      { stdio: 'inherit', env: { ...process.env, ...target.env, ROI_LOSS_SOAK: '1' } },
    );
    failed ||= status !== 0;
  }
}
process.exitCode = failed ? 1 : 0;
