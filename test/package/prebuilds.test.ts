import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { builtImages } from '../../common/images';
import { hasCommand, noPrebuilds, prebuilds, prebuildsFolder, root } from '../support/prebuilds';

// What the prebuilt binaries need of the machine that they are installed on, read from the files.

const maxBytes = 1.5 * 1024 * 1024;
const newestGlibc = [2, 28] as const; // the oldest that Node 20 runs on

/** At glibc 2.28 threads and dlopen are libraries of their own; node itself needs both. */
const libcs = {
  glibc: ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'ld-linux-aarch64.so.1'],
  musl: ['libc.so'],
};

const test = suite('prebuilds');

function skip(what: string, reason: string): void {
  console.log(`skipped: ${what} — ${reason}`);
  test.skip(what);
}

const readelf = (file: string, ...options: string[]) =>
  execFileSync('readelf', ['--wide', ...options, join(prebuildsFolder, file)], { encoding: 'utf8' });
const captures = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);

function testElf(file: string): void {
  const libc = file.includes('musl') ? 'musl' : 'glibc';

  test(`${file} depends on ${libc} alone`, () => {
    const needed = captures(readelf(file, '--dynamic'), /\(NEEDED\).*\[(.*)\]/g);
    assert.ok(needed.length > 0);
    assert.equal(
      needed.filter((name) => !libcs[libc].includes(name)),
      [],
    );
  });

  test(`${file} needs no symbol newer than GLIBC_${newestGlibc.join('.')}`, () => {
    const versions = captures(readelf(file, '--version-info'), /\bName: GLIBC_(\S+)/g);
    assert.is(versions.length > 0, libc === 'glibc');
    const isNewer = ([major = 0, minor = 0]: number[]) =>
      major > newestGlibc[0] || (major === newestGlibc[0] && minor > newestGlibc[1]);
    assert.equal(
      versions.filter((version) => isNewer(version.split('.').map(Number))),
      [],
    );
  });

  test(`${file} has no executable stack and no text relocations`, () => {
    assert.match(readelf(file, '--segments'), /GNU_STACK .* RW +0(?:x|$)/m);
    assert.not.match(readelf(file, '--dynamic'), 'TEXTREL');
  });

  test(`${file} exports the addon's entry alone`, () => {
    const exported = captures(
      readelf(file, '--dyn-syms'),
      /^ +\d+: \S+ +\d+ \w+ +(?:GLOBAL|WEAK) +\w+ +\d+ (\S+)/gm,
    );
    assert.equal(exported.sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
}

if (prebuilds.length === 0) skip('what prebuilt binaries need', noPrebuilds);

for (const file of prebuilds) {
  test(`${file} is below 1.5 MB, and has no path of the building machine inside`, () => {
    const bytes = readFileSync(join(prebuildsFolder, file));
    assert.ok(bytes.length < maxBytes, `${bytes.length} bytes`);
    for (const path of [root, `${homedir()}/`, process.execPath])
      assert.not.ok(bytes.includes(path), `holds ${path}`);
  });

  if (!file.startsWith('linux')) continue;
  if (hasCommand('readelf')) testElf(file);
  else skip(`what ${file} needs`, 'readelf, of binutils, was not found');
}

const zig = join(root, 'cross', 'node_modules', '@ryoppippi', 'zig-linux-x64');

/** The compiler of the older image; a build elsewhere does not find it by itself. */
const oldNvcc = builtImages().find(({ cuda }) => Number.parseFloat(cuda) < 13)?.nvcc;

/** One linker each: for Linux and for Windows. */
for (const file of ['linux-x64/roi-loss.glibc.node', 'win32-x64/roi-loss.node']) {
  const what = `${file} is the same when built elsewhere`;
  if (!prebuilds.includes(file)) skip(what, noPrebuilds);
  else if (!existsSync(zig)) skip(what, 'the Zig compiler is not there; `npm run prebuilds` installs it');
  else
    test(what, () => {
      const elsewhere = join(root, 'build', 'elsewhere', file);
      rmSync(elsewhere, { recursive: true, force: true });
      mkdirSync(elsewhere, { recursive: true });
      for (const source of ['native', 'CMakeLists.txt', 'package.json', 'cross'])
        cpSync(join(root, source), join(elsewhere, source), {
          recursive: true,
          filter: (path) => !path.endsWith('node_modules'),
        });
      symlinkSync(join(root, 'node_modules'), join(elsewhere, 'node_modules'));
      symlinkSync(join(root, 'cross', 'node_modules'), join(elsewhere, 'cross', 'node_modules'));
      execFileSync(process.execPath, ['cross/prebuilds.mjs', file], {
        cwd: elsewhere,
        env: { ...process.env, ...(oldNvcc === undefined ? {} : { ROI_LOSS_OLD_NVCC: oldNvcc }) },
      });
      assert.ok(
        readFileSync(join(elsewhere, 'prebuilds', file)).equals(readFileSync(join(prebuildsFolder, file))),
        'differs; or prebuilds/ is older than the sources, and `npm run prebuilds` builds it again',
      );
    });
}

const muslLoader = '/lib/ld-musl-x86_64.so.1';
if (!prebuilds.includes('linux-x64/roi-loss.musl.node')) skip("musl's loader", noPrebuilds);
else if (!existsSync(muslLoader))
  skip("musl's loader", `${muslLoader}, of Debian's package musl, was not found`);
else
  test("musl's loader finds everything but node's symbols", () => {
    const { stderr } = spawnSync(
      muslLoader,
      ['--list', join(prebuildsFolder, 'linux-x64/roi-loss.musl.node')],
      { encoding: 'utf8' },
    );
    const missing = captures(stderr, /: (\S+): symbol not found/g);
    assert.is(missing.length, stderr.trim().split('\n').length, stderr);
    assert.ok(missing.length > 0 && missing.every((name) => name.startsWith('napi_')), stderr);
  });

test.run();
