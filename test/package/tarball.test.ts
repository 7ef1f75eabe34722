import { execFileSync, type SpawnSyncOptions, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { inputsOf } from '../../lib/reference/random';
import { assertLoss } from '../support/close';
import { maskKinds } from '../support/kinds';
import { hasCommand, noPrebuilds, prebuilds, root } from '../support/prebuilds';

// `npm pack`, and what comes out installed as a user would who has nothing but node and npm, and no network.

const maxPackedBytes = 5_000_000;

const test = suite('tarball');

function skip(what: string, reason: string): void {
  console.log(`skipped: ${what} — ${reason}`);
  test.skip(what);
}

/** What the command prints; fails unless it exits with 0. */
function output(command: string, args: readonly string[], options: SpawnSyncOptions): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  assert.is(status, 0, `${command} ${args.join(' ')}: ${error ?? ''}${stdout}${stderr}`);
  return stdout;
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** The tarball of a package's folder, made without running its scripts. */
function pack(folder: string, destination: string): Packed {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination];
  const [packed]: Packed[] = JSON.parse(output('npm', args, { cwd: folder }));
  return packed!;
}

const work = mkdtempSync(join(tmpdir(), 'roi-loss-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

const own = pack(root, work);
const manifest = JSON.parse(
  output('tar', ['-xzOf', join(work, own.filename), 'package/package.json'], { cwd: work }),
);

test('holds the binaries, the compiled library, what is needed to build, and nothing else', () => {
  const paths = own.files.map(({ path }) => path);
  const expected =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|(CONTRIBUTING|SECURITY)\.md|CMakeLists\.txt|dist\/.*\.(m?js|d\.m?ts)(\.map)?|lib\/.*\.m?ts|native\/(?!format).*\.(h|cpp|cuh?|cmake|map|mjs)|prebuilds\/.*\.node|docs\/.*\.md|bench\/README\.md|bench\/results\/.*\.(md|svg)|examples\/pytorch-ipc\/.*)$/;
  assert.equal(
    paths.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of ['README.md', 'LICENSE', 'CMakeLists.txt', 'dist/index.mjs', 'native/build.mjs'])
    assert.ok(paths.includes(path), `has no ${path}`);
  for (const file of prebuilds) assert.ok(paths.includes(`prebuilds/${file}`), `has no ${file}`);
});

test('is below 5 MB', () => assert.ok(own.size < maxPackedBytes, `${own.size} bytes`));

test('links of what is packed lead to what is packed', () => {
  const paths = own.files.map(({ path }) => path);
  const dead = paths
    // CONTRIBUTING.md is about a clone, and links to what is there.
    .filter((path) => path.endsWith('.md') && path !== 'CONTRIBUTING.md')
    .flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
        .map(([, link]) => link!)
        .filter((link) => !/^\w+:/.test(link))
        .map((link) => join(dirname(path), link))
        .filter((target) => !paths.some((packed) => packed === target || packed.startsWith(`${target}/`)))
        .map((target) => `${path}: ${target}`),
    );
  assert.equal(dead, []);
});

test('runs nothing when it is installed, and depends on node-gyp-build alone', () => {
  // `prepare` runs when a folder or a git repository is installed, and npm warns of it in a tarball.
  for (const script of ['preinstall', 'install', 'postinstall', 'prepublish', 'prepare'])
    assert.not.ok(script in manifest.scripts, `has the script ${script}`);
  assert.equal(Object.keys(manifest.dependencies), ['node-gyp-build']);
});

test('a release needs what only the owner can fill in', () => {
  const folder = join(work, 'release');
  mkdirSync(folder);
  const check = (fields: object, changelog: string) => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'a', version: '1.2.3', ...fields }));
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'cross', 'release.mjs'), folder], {
      encoding: 'utf8',
    });
    return { status, lines: stderr.split('\n').filter(Boolean) };
  };
  const fields = {
    repository: { type: 'git', url: 'git+https://example.org/a.git' },
    homepage: 'https://example.org/a',
    bugs: { url: 'https://example.org/a/issues' },
  };
  assert.equal(check(fields, '# Changelog\n\n## [1.2.3]\n'), { status: 0, lines: [] });
  for (const name of ['repository', 'homepage', 'bugs'])
    assert.equal(check({ ...fields, [name]: undefined }, '\n## [1.2.3]'), {
      status: 1,
      lines: [`package.json: ${name} is missing; expected an address`],
    });
  assert.equal(check({ ...fields, homepage: 'TODO' }, '\n## [1.2.30]').lines, [
    'package.json: homepage is "TODO"; expected an address',
    'CHANGELOG.md has no section for 1.2.3',
  ]);
});

const inputs = inputsOf(5, { rois: 6, classes: 3, maskSize: [4, 4], leastLabel: 0 });
const options = { classes: 3, maskSize: [4, 4] as const };

/** Computes the losses, in what JavaScript, as modules of either kind, and TypeScript have in common. */
const program = `
const labels = Int32Array.of(${inputs.labels});
const { loss: classLoss } = fusedClassLoss({ classLogits: Float32Array.of(${inputs.classLogits}), labels });
const box = { boxDeltas: Float32Array.of(${inputs.boxDeltas}), boxTargets: Float32Array.of(${inputs.boxTargets}) };
const { loss: boxLoss } = fusedBoxLoss({ ...box, labels }, { classes: 3 });
const masks = {
  maskLogits: Float32Array.of(${inputs.maskLogits}),
  maskTargets: Float32Array.of(${inputs.maskTargets}),
  labels,
};
const maskLosses = (${JSON.stringify(maskKinds)} as const).map(
  (kind) => fusedMaskLoss(masks, { classes: 3, maskSize: [4, 4], kind }).loss,
);
console.log(JSON.stringify([classLoss, boxLoss, ...maskLosses]));
`;
const javascript = program.replace(' as const', '');
const names = '{ fusedBoxLoss, fusedClassLoss, fusedMaskLoss }';

function assertLosses(printed: string): void {
  const losses: number[] = JSON.parse(printed);
  const ofKinds = maskKinds.map((kind) => referenceLoss(inputs, { ...options, mask: { kind } }).losses);
  const expected = [ofKinds[0]!.class, ofKinds[0]!.box, ...ofKinds.map(({ mask }) => mask)];
  assert.is(losses.length, expected.length);
  for (const [i, loss] of losses.entries()) assertLoss(loss, expected[i]!, `loss ${i}`);
}

/** Installs the tarball: no compiler, cache or network, and no scripts. The dependency comes as a tarball too. */
function install() {
  const folder = join(work, 'project');
  const bin = join(work, 'bin');
  mkdirSync(folder);
  mkdirSync(bin);
  const npm = process.env
    .PATH!.split(delimiter)
    .map((path) => join(path, 'npm'))
    .find(existsSync)!;
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync(realpathSync(npm), join(bin, 'npm'));
  const dependency = pack(join(root, 'node_modules', 'node-gyp-build'), work);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const env = { PATH: bin, HOME: work, PREBUILDS_ONLY: '1' };
  const run = (command: string, ...args: string[]) => output(command, args, { cwd: folder, env });
  const tarballs = [own, dependency].map(({ filename }) => join(work, filename));
  run(join(bin, 'npm'), 'install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', ...tarballs);
  writeFileSync(join(folder, 'program.cjs'), `const ${names} = require('roi-loss');${javascript}`);
  writeFileSync(join(folder, 'program.mjs'), `import ${names} from 'roi-loss';${javascript}`);
  writeFileSync(join(folder, 'program.mts'), `import ${names} from 'roi-loss';${program}`);
  return { folder, env, run };
}

if (process.platform === 'win32') skip('the installed tarball', 'the test is written for POSIX');
else if (prebuilds.length === 0) skip('the installed tarball', noPrebuilds);
else {
  const { folder, env, run } = install();
  const command = join(folder, 'node_modules', '.bin', 'roi-loss');

  test('a CommonJS program', () => assertLosses(run(process.execPath, 'program.cjs')));

  test('an ES module', () => assertLosses(run(process.execPath, 'program.mjs')));

  test('a TypeScript program, with the types checked', () => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const types = ['--lib', 'es2023,esnext.disposable,dom', '--outDir', 'out'];
    run(
      process.execPath,
      tsc,
      'program.mts',
      '--strict',
      '--module',
      'node16',
      '--target',
      'es2022',
      ...types,
    );
    assertLosses(run(process.execPath, join('out', 'program.mjs')));
  });

  test('the command: every loss against the reference', () => {
    assert.match(run(command, 'check'), 'all within');
    assert.match(run(command, 'devices'), 'cpu');
  });

  const build = join(root, 'build', 'package-tests');
  const onStandin = (...args: string[]) =>
    output(command, args, { cwd: folder, env: { ...env, LD_LIBRARY_PATH: join(build, 'cuda_standin') } });
  if (process.platform !== 'linux') skip("the kernels on CUDA's stand-in", 'the stand-in is for Linux');
  else {
    execFileSync('cmake', ['-S', root, '-B', build]);
    execFileSync('cmake', ['--build', build, '--target', 'cuda_standin']);
    const gpu = JSON.parse(onStandin('devices', '--json')).devices.find(({ name }: { name: string }) =>
      name.startsWith('cuda'),
    );
    if (!gpu.available) skip("the kernels on CUDA's stand-in", gpu.reason);
    else
      test("the command: every loss on CUDA's stand-in", () => {
        assert.match(gpu.description, 'stand-in');
        assert.match(onStandin('check', '--device', gpu.name), 'all within');
      });
  }

  const node = join(root, 'build', 'node-arm64', 'bin', 'node');
  const libraries = '/usr/aarch64-linux-gnu';
  if (!prebuilds.includes('linux-arm64/roi-loss.glibc.node')) skip('on arm64', noPrebuilds);
  else if (!existsSync(node)) skip('on arm64', `${node} was not found; .ci/run installs it`);
  else if (!hasCommand('qemu-aarch64-static') || !statSync(libraries, { throwIfNoEntry: false }))
    skip('on arm64', 'qemu-user-static or libc6-arm64-cross, packages of Debian, were not found');
  else
    test('a program on arm64, emulated', () => {
      const qemu = ['/usr/bin/qemu-aarch64-static', '-L', libraries, node] as const;
      assertLosses(run(...qemu, 'program.cjs'));
    });
  skip(
    'a program on musl',
    'npm and Debian have no node for musl; its loader reads the binary in prebuilds.test.ts',
  );
}

test.run();
