import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Runs each suite in a process of its own, two at once, and counts: `npm test`, or `npm test -- golden numbers` for the
// files whose names hold one of the words. A file that crashes, hangs, tests nothing or forgets to run a suite counts as
// a failure.

const concurrent = 2;
const limitMs = 300_000;

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** What uvu prints at the end; undefined if it did not get there. */
function parse(output: string): Count | undefined {
  const number = (label: string) =>
    Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? Number.NaN);
  const [total, passed, skipped] = [number('Total'), number('Passed'), number('Skipped')];
  if (Number.isNaN(total + passed + skipped) || total + skipped === 0) return undefined;
  return { passed, failed: total - passed, skipped };
}

/** uvu passes over a suite without its `.run()` in silence. */
function forgetsRun(file: string): boolean {
  const source = readFileSync(file, 'utf8');
  const count = (pattern: RegExp) => source.match(pattern)?.length ?? 0;
  return count(/\bsuite\(/g) > count(/\.run\(\)/g);
}

function runFile(file: string): Promise<Count> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--expose-gc', file], {
    env: { ...process.env, FORCE_COLOR: '0' },
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      console.log(`\n${file}\n${output.trimEnd()}`);
      const count = parse(output);
      const ended = code === 0 || (count && count.failed > 0);
      if (count && ended && !forgetsRun(file)) return resolve(count);
      const reason = !ended
        ? `ended with ${signal ?? `exit code ${code}`}`
        : count
          ? 'forgets to run a suite'
          : 'ran no tests';
      console.log(`failed: ${file} ${reason}`);
      resolve({ passed: count?.passed ?? 0, failed: (count?.failed ?? 0) + 1, skipped: count?.skipped ?? 0 });
    });
  });
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const files = readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))),
    )
    .sort();
  const queue = files.values();
  const total: Count = { passed: 0, failed: 0, skipped: 0 };
  const worker = async () => {
    for (const file of queue) {
      const count = await runFile(join(__dirname, file));
      total.passed += count.passed;
      total.failed += count.failed;
      total.skipped += count.skipped;
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
}

main();
