import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './run';
import { fingerprint, nameOf, type Run, type Settings } from './settings';

/** Writes a file whole or not at all, whatever interrupts it. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** The results of runs with the same settings, each in a file of its own. */
export class Store {
  readonly #folder: string;

  constructor(out: string, settings: Settings) {
    this.#folder = join(out, 'runs', fingerprint(settings));
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Undefined where the run has not been made yet. */
  read(run: Run): Result | undefined {
    try {
      return JSON.parse(readFileSync(this.#path(run), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  write(result: Result): void {
    writeWhole(this.#path(result.run), JSON.stringify(result));
  }

  #path(run: Run): string {
    return join(this.#folder, `${nameOf(run)}.json`);
  }
}
