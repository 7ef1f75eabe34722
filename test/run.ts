import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

// Runs each suite in a process of its own, two at once, and counts: `npm test`, or `npm test -- golden numbers` for the
// files whose names hold one of the words. A file that crashes, hangs or tests nothing counts as a failure.

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

function runFile(file: string): Promise<Count> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--expose-gc', file], {
    env: { ...process.env, FORCE_COLOR: '0' },
    timeout: limitMs,
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
      if (count && (code === 0 || count.failed > 0)) return resolve(count);
      console.log(
        `failed: ${file} ended with ${signal ?? `exit code ${code}`} and ${count ? 'crashed' : 'no tests'}`,
      );
      resolve({ passed: count?.passed ?? 0, failed: 1, skipped: count?.skipped ?? 0 });
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
