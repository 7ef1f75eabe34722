#!/usr/bin/env node
// What prebuildify calls in place of node-gyp, in the folder of a target: cmake-js with the cross compiler.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/package.json');
const options = ['--out', join(process.cwd(), 'build/Release'), '--parallel', String(availableParallelism())];
const definitions = [
  `--CDCMAKE_TOOLCHAIN_FILE=${join(root, 'cross/zig.cmake')}`,
  `--CDROI_LOSS_IMAGES=${process.env.ROI_LOSS_IMAGES ?? ''}`,
];
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [join(dirname(cmakeJs), 'bin/cmake-js'), 'build', ...options, ...definitions],
  { cwd: root, encoding: 'utf8' },
);
if (status !== 0) console.error(stdout, stderr, `\nbuilding for ${process.env.ROI_LOSS_TARGET} failed`);
process.exit(status ?? 1);
