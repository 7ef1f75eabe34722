// Builds the addon for every platform into prebuilds/, under the names that node-gyp-build looks for:
// `npm run prebuilds`, or `npm run prebuilds -- linux` for the platforms whose names hold the word.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cmakeJs = join(
  dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')),
  'bin/cmake-js',
);

/** Files under prebuilds/, and the targets of Zig's: the oldest systems that Node 20 runs on. */
const targets = {
  'linux-x64/roi-loss.glibc.node': 'x86_64-linux-gnu.2.28',
  'linux-x64/roi-loss.musl.node': 'x86_64-linux-musl',
  'linux-arm64/roi-loss.glibc.node': 'aarch64-linux-gnu.2.28',
  'darwin-arm64/roi-loss.node': 'aarch64-macos.11.0',
  'darwin-x64/roi-loss.node': 'x86_64-macos.11.0',
  'win32-x64/roi-loss.node': 'x86_64-windows-gnu',
};

const folderOf = (target) => join(root, 'build/prebuilds', target, 'Release');

/** The CUDA images of a target that was built before: nvcc takes longer than all the rest, and they are the same. */
const imagesOf = (targets) =>
  targets.map((target) => join(folderOf(target), 'images')).find(existsSync) ?? '';

function build(target, before) {
  const out = folderOf(target);
  rmSync(out, { recursive: true, force: true });
  const options = [
    `--CDCMAKE_TOOLCHAIN_FILE=${join(root, 'cross/zig.cmake')}`,
    `--CDROI_LOSS_IMAGES=${imagesOf(before)}`,
  ];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cmakeJs, 'build', '--out', out, '--parallel', String(availableParallelism()), ...options],
    { cwd: root, encoding: 'utf8', env: { ...process.env, ROI_LOSS_TARGET: target } },
  );
  if (status === 0) return readFileSync(join(out, 'roi-loss.node'));
  console.error(stdout, stderr);
  throw new Error(`building for ${target} failed; the compiler says why above`);
}

/** The time of the build that a Windows linker writes is the one thing that would differ from build to build. */
function withoutTime(binary) {
  const header = binary.toString('latin1', 0, 2) === 'MZ' ? binary.readUInt32LE(0x3c) : undefined;
  if (header !== undefined) binary.writeUInt32LE(0, header + 8);
  return binary;
}

const [word = ''] = process.argv.slice(2);
const chosen = Object.entries(targets).filter(([file]) => file.includes(word));
if (chosen.length === 0)
  throw new Error(`no prebuild has '${word}' in its name; there are ${Object.keys(targets).join(', ')}`);
for (const [i, [file, target]] of chosen.entries()) {
  const prebuild = join(root, 'prebuilds', file);
  rmSync(prebuild, { force: true });
  process.stdout.write(`prebuilds/${file}  `);
  const start = performance.now();
  const binary = withoutTime(
    build(
      target,
      chosen.slice(0, i).map(([, built]) => built),
    ),
  );
  mkdirSync(dirname(prebuild), { recursive: true });
  writeFileSync(prebuild, binary);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${(binary.length / 1024).toFixed(0)} KiB  ${seconds} s`);
}
