// Builds the addon for every platform into prebuilds/, under the names that node-gyp-build looks for:
// `npm run prebuilds`, or `npm run prebuilds -- linux` for the platforms whose names hold the word.
// prebuildify names the files and puts them in place; what it calls for a build is build.mjs.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = promisify(prebuildify);

/** `zig` are targets of Zig's: the oldest systems that Node 20 runs on. */
const platforms = [
  { platform: 'linux', arch: 'x64', libc: 'glibc', zig: 'x86_64-linux-gnu.2.28' },
  { platform: 'linux', arch: 'x64', libc: 'musl', zig: 'x86_64-linux-musl' },
  { platform: 'linux', arch: 'arm64', libc: 'glibc', zig: 'aarch64-linux-gnu.2.28' },
  { platform: 'darwin', arch: 'arm64', zig: 'aarch64-macos.11.0' },
  { platform: 'darwin', arch: 'x64', zig: 'x86_64-macos.11.0' },
  { platform: 'win32', arch: 'x64', zig: 'x86_64-windows-gnu' },
];

const fileOf = ({ platform, arch, libc }) =>
  join('prebuilds', `${platform}-${arch}`, ['roi-loss', libc, 'node'].filter(Boolean).join('.'));
const folderOf = ({ zig }) => join(root, 'build/prebuilds', zig);

/** The time of the build that a Windows linker writes is the one thing that would differ from build to build. */
function removeTime(file) {
  const binary = readFileSync(file);
  if (binary.toString('latin1', 0, 2) !== 'MZ') return;
  binary.writeUInt32LE(0, binary.readUInt32LE(0x3c) + 8);
  writeFileSync(file, binary);
}

const [word = ''] = process.argv.slice(2);
const chosen = platforms.filter((platform) => fileOf(platform).includes(word));
if (chosen.length === 0)
  throw new Error(`no prebuild has '${word}' in its name; there are ${platforms.map(fileOf).join(', ')}`);
for (const target of chosen) {
  const file = fileOf(target);
  const cwd = folderOf(target);
  rmSync(join(root, file), { force: true });
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  process.stdout.write(`${file}  `);
  const start = performance.now();
  process.env.ROI_LOSS_TARGET = target.zig;
  // nvcc takes longer than all the rest, and what it makes is the same for all, and for this machine's own addon.
  const images = [root, ...chosen.map(folderOf)]
    .map((folder) => join(folder, 'build/Release/images'))
    .find((folder) => existsSync(join(folder, 'images.json')));
  process.env.ROI_LOSS_IMAGES = images ?? '';
  await build({
    ...target,
    napi: true,
    tagLibc: target.libc ?? false,
    strip: false, // the linker has done it: `strip` knows this machine's files alone
    name: 'roi-loss',
    targets: [process.versions.node],
    cwd,
    out: root,
    nodeGyp: join(root, 'cross/build.mjs'),
  });
  removeTime(join(root, file));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${(statSync(join(root, file)).size / 1024).toFixed(0)} KiB  ${seconds} s`);
}
