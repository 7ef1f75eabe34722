// clang-format over the native sources: rewrites them, or with --check fails on those that would change.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const sources = [native, join(native, '..', 'test')].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(h|cpp|cu|cuh)$/.test(name))
    .map((name) => join(folder, name)),
);
const clangFormat = createRequire(import.meta.url).resolve('clang-format/index.js');
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status } = spawnSync(process.execPath, [clangFormat, ...mode, ...sources], { stdio: 'inherit' });
process.exit(status ?? 1);
