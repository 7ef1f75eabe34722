import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// What the package says where its addon is missing, damaged, forbidden, another machine's or another package's; and bundles.

const require = createRequire(__filename);
const root = join(__dirname, '..', '..');
const folder = join(root, 'build', 'load-tests');
const installed = join(folder, 'node_modules', 'roi-loss');
const own = join(root, 'build', 'Release', 'roi-loss.node');
const platform = `${process.platform}-${process.arch}`;

const test = suite('loading the addon');

function skip(what: string, reason: string): void {
  console.log(`skipped: ${what} — ${reason}`);
  test.skip(what);
}

/** The package without an addon. */
test.before.each(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  // A package of its own, for within roi-loss the name would mean roi-loss itself.
  writeFileSync(join(folder, 'package.json'), '{ "name": "project" }');
  cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
  copyFileSync(join(root, 'package.json'), join(installed, 'package.json'));
  const dependency = dirname(require.resolve('node-gyp-build/package.json'));
  symlinkSync(dependency, join(folder, 'node_modules', 'node-gyp-build'));
});

/** Puts a file in the package, or beside it. */
function put(source: string | Buffer, ...path: string[]): void {
  const target = join(folder, ...path);
  mkdirSync(dirname(target), { recursive: true });
  if (typeof source === 'string') copyFileSync(source, target);
  else writeFileSync(target, source);
}
const inPackage = ['node_modules', 'roi-loss'] as const;
const damaged = Buffer.from(
  'no addon at all, but as long as a header of an executable would be at the least',
);

const program = `
  try {
    const { fusedClassLoss } = require('roi-loss');
    console.log('loaded', fusedClassLoss({ classLogits: new Float32Array(3), labels: Int32Array.of(1) }).loss);
  } catch (error) {
    console.log(error.code + ' ' + error.message);
  }`;

interface Settings {
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly file?: string;
}

/** What a program prints that loads the package. */
function run({ flags = [], env = {}, file }: Settings = {}): string {
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, ...(file ? [file] : ['-e', program])], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PREBUILDS_ONLY: '', ...env },
  });
  return stdout || stderr;
}

function assertSays(settings: Settings, ...words: (string | RegExp)[]): void {
  const printed = run(settings);
  assert.match(printed, /^ERR_ROI_LOSS_NATIVE /);
  for (const word of words) assert.match(printed, word);
}

test('nothing there', () => {
  assertSays({}, platform, `in ${installed}`, 'no prebuilds/', 'npm ci');
  assert.not.match(run(), 'Bundled?');
});

test('binaries for other platforms', () => {
  put(own, ...inPackage, 'prebuilds', 'sunos-sparc', 'roi-loss.node');
  put(own, ...inPackage, 'prebuilds', 'aix-ppc64', 'roi-loss.node');
  assertSays({}, platform, 'prebuilds/ is for aix-ppc64, sunos-sparc');
});

test('an addon that is damaged: the words of the loader first', () => {
  put(damaged, ...inPackage, 'build', 'Release', 'roi-loss.node');
  const path = join(installed, 'build', 'Release', 'roi-loss.node');
  assertSays({}, path, 'npm ci');
  if (process.platform === 'linux') assertSays({}, `ERR_ROI_LOSS_NATIVE ${path}: invalid ELF header`);
});

test('a prebuilt binary that does not load', () => {
  put(damaged, ...inPackage, 'prebuilds', platform, 'roi-loss.node');
  assertSays({}, join('prebuilds', platform), 'glibc 2.28', 'LIBC=musl');
});

/** Somebody else's, if it is installed. */
function otherAddon(): string | undefined {
  try {
    return require.resolve(`@resvg/resvg-js-${platform}-gnu`);
  } catch {
    return undefined;
  }
}

const other = otherAddon();
if (!other) skip("somebody else's addon", 'no other addon is installed');
else
  test("somebody else's addon", () => {
    put(other, ...inPackage, 'build', 'Release', 'other.node');
    assertSays({}, 'another package', join('Release', 'other.node'));
  });

test('addons disabled', () => {
  put(own, ...inPackage, 'build', 'Release', 'roi-loss.node');
  assert.match(run(), /^loaded 1\.09/);
  assertSays({ flags: ['--no-addons'] }, 'Cannot load native addon', '--no-addons', 'roi-loss.node');
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  ) as string;
  const all = ['--allow-fs-read=*'];
  assertSays({ flags: [permission, ...all] }, 'Cannot load native addon', '--allow-addons');
  // The library may be read, the folder of the addon not.
  const file = join(folder, 'program.cjs');
  writeFileSync(file, program);
  const readable = [file, `${installed}/dist/*`, `${installed}/package.json`, `${root}/node_modules/*`];
  readable.push(join(folder, 'node_modules', 'node-gyp-build'));
  for (const more of [[], ['/etc/alpine-release']]) {
    const flags = [permission, ...[...readable, ...more].map((path) => `--allow-fs-read=${path}`)];
    assertSays({ flags, file }, 'permissions do not let it read', `of ${installed}/*`, '--allow-addons');
  }
});

if (process.platform !== 'linux') skip('a binary for another libc', 'libcs are of Linux');
else
  test('a binary for another libc or architecture, which the environment asks for', () => {
    put(own, ...inPackage, 'prebuilds', platform, 'roi-loss.glibc.node');
    put(damaged, ...inPackage, 'prebuilds', platform, 'roi-loss.musl.node');
    put(damaged, ...inPackage, 'prebuilds', 'linux-other', 'roi-loss.node');
    assertSays({ env: { LIBC: 'musl' } }, 'invalid ELF header', 'LIBC=musl, but this is glibc');
    assertSays({ env: { npm_config_arch: 'other' } }, `npm_config_arch=other, but this is ${process.arch}`);
    assertSays({ env: { npm_config_arch: 'none' } }, 'no native addon', 'npm_config_arch=none');
    assertSays({ env: { npm_config_platform: 'sunos' } }, 'npm_config_platform=sunos, but this is linux');
    assert.match(run({ env: { LIBC: 'glibc', npm_config_arch: process.arch } }), /^loaded/);
  });

/** What an ES module lacks that CommonJS has. */
const commonJs = `
  import { createRequire } from 'node:module';
  import { dirname } from 'node:path';
  import { fileURLToPath } from 'node:url';
  const require = createRequire(import.meta.url);
  const __dirname = dirname(fileURLToPath(import.meta.url));`;

for (const format of ['cjs', 'esm'] as const)
  test(`a bundle by esbuild, ${format}`, () => {
    put(own, ...inPackage, 'build', 'Release', 'roi-loss.node');
    writeFileSync(join(folder, 'program.cjs'), program);
    const bundle = (more: BuildOptions) => {
      const file = join('out', format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs');
      const options = { bundle: true, platform: 'node', format, absWorkingDir: folder } as const;
      const banner = format === 'esm' ? { js: commonJs } : {};
      buildSync({ ...options, banner, entryPoints: ['program.cjs'], outfile: file, ...more });
      return { file };
    };
    assert.match(run(bundle({ external: ['roi-loss'] })), /^loaded/);
    assertSays(bundle({}), 'no native addon', 'Bundled? Keep roi-loss external');
    if (!other) return;
    put(other, 'build', 'Release', 'other.node');
    assertSays(bundle({}), 'another package', 'Bundled? Keep roi-loss external');
  });

test.run();
