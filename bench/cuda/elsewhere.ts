import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDevice } from 'roi-loss';
import type { Peers } from '../arguments';
import type { Run } from '../run';
import type { Result } from '../targets';
import { type Effort, quick } from '../timing';
import { nativeOf } from './native';

// An error of a kernel breaks the context of its process for good. What one case does wrong is not to cost the others.

/** Whether nothing can be launched in this process any more. */
export function isBroken(): boolean {
  try {
    using device = openDevice('cuda');
    const start = nativeOf(device).mark();
    nativeOf(device).launchNothing();
    nativeOf(device).mark().since(start);
    return false;
  } catch {
    return true;
  }
}

/** Measures the case of that name in a process of its own. @throws what it says where it fails */
export function measureElsewhere(name: string, effort: Effort, peers: Peers): Result {
  const folder = mkdtempSync(join(tmpdir(), 'roi-loss-bench-'));
  try {
    const file = join(folder, 'case.json');
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...['--import', 'tsx', '--expose-gc', join(__dirname, '..', 'main.ts'), '--device', 'cuda'],
        ...['--case', name, '--peers', peers, '--json', file],
        ...(effort === quick ? ['--quick'] : []),
      ],
      { encoding: 'utf8' },
    );
    const [run] = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Run[]) : [];
    const result = run?.results[0];
    if (result) return result;
    throw new Error(run?.failures[0]?.message ?? (stderr.trim() || `a process ended with ${status}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
