import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Result } from './run';
import { nameOf, type Run, type Settings } from './settings';
import type { Order, Report } from './worker';

export interface Listener {
  onStep(loss: number): void;
  onResult(result: Result): void;
}

/** Performs runs in so many processes, of one thread each. Rejects as soon as one fails; the processes are gone then. */
export async function performAll(
  runs: readonly Run[],
  settings: Settings,
  workers: number,
  listener: Listener,
): Promise<void> {
  const queue = runs.values();
  const children: ChildProcess[] = [];
  const worker = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(join(__dirname, 'worker.ts'), {
        serialization: 'advanced',
      });
      children.push(child);
      let current: Run | undefined;
      const next = () => {
        current = queue.next().value;
        if (current) child.send({ run: current, settings } satisfies Order);
        else child.disconnect();
      };
      child.on('message', (report: Report) => {
        if (report.kind === 'step') return listener.onStep(report.loss);
        if (report.kind === 'error') return reject(new Error(`${nameOf(current!)}: ${report.message}`));
        if (report.kind === 'result') listener.onResult(report.result);
        next();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (child.connected || current || code !== 0)
          reject(
            new Error(`${current ? nameOf(current) : 'a worker'}: the process ended with ${signal ?? code}`),
          );
        else resolve();
      });
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, runs.length) }, worker));
  } finally {
    for (const child of children) child.kill();
  }
}
