import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// What is installed with the package, and whether npm can verify what it is built with: `npm audit signatures`.

interface Package {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  /** A development dependency that is also an optional one of those who install the package. */
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Lock {
  readonly lockfileVersion: number;
  readonly packages: { readonly [path: string]: Package };
}

const root = join(__dirname, '..', '..');
const require = createRequire(__filename);
const manifest = require('../../package.json');
/** The package's own, that of what builds its prebuilt binaries, and that of the compilers of its types. */
const locks = ['package-lock.json', 'cross/package-lock.json', 'test/package/package-lock.json'];
const read = (path: string): Lock => JSON.parse(readFileSync(join(root, path), 'utf8'));
const packagesOf = (lock: Lock) => Object.entries(lock.packages).filter(([path]) => path !== '');

const test = suite('supply chain');

for (const path of locks)
  test(`${path}: every package has an integrity, and none an address`, () => {
    const lock = read(path);
    assert.ok(lock.lockfileVersion >= 3);
    const packages = packagesOf(lock);
    assert.ok(packages.length > 0);
    for (const [name, { integrity, resolved, link }] of packages) {
      assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, `${name} has the integrity ${integrity}`);
      // npm asks the registry that it is set to; a link, a folder or a repository would be verified by nobody.
      assert.is(resolved, undefined, `${name} comes from ${resolved}`);
      assert.is(link, undefined, `${name} is a link`);
    }
  });

test('every action of the workflows is pinned by its commit', () => {
  const folder = join(root, '.github', 'workflows');
  const actions = readdirSync(folder).flatMap((name) =>
    Array.from(readFileSync(join(folder, name), 'utf8').matchAll(/uses: *(\S+)/g), ([, action]) => action!),
  );
  assert.ok(actions.length > 0);
  for (const action of actions) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
});

test('what is installed with the package is node-gyp-build alone, which runs nothing', () => {
  const production = packagesOf(read('package-lock.json')).filter(
    ([, { dev, devOptional }]) => !dev && !devOptional,
  );
  assert.equal(
    production.map(([path]) => path),
    ['node_modules/node-gyp-build'],
  );
  assert.equal(Object.keys(manifest.dependencies), ['node-gyp-build']);
  for (const kind of ['optionalDependencies', 'bundleDependencies', 'bundledDependencies'])
    assert.not.ok(kind in manifest, `has ${kind}`);
  // npm installs no optional peer.
  for (const peer of Object.keys(manifest.peerDependencies ?? {}))
    assert.is(manifest.peerDependenciesMeta[peer]?.optional, true, `${peer} is no optional peer`);
  const { dependencies = {}, scripts = {} } = require('node-gyp-build/package.json');
  assert.equal(dependencies, {});
  assert.not.ok(['preinstall', 'install', 'postinstall'].some((script) => script in scripts));
});

test('the package runs nothing when it is installed', () => {
  for (const script of ['preinstall', 'install', 'postinstall'])
    assert.not.ok(script in manifest.scripts, `has the script ${script}`);
  // npm would add a script of its own for binding.gyp.
  assert.is(manifest.gypfile, false);
});

test('the development dependencies that run something when they are installed are known', () => {
  const scripts = packagesOf(read('package-lock.json')).filter(
    ([, { hasInstallScript }]) => hasInstallScript,
  );
  assert.equal(
    scripts.map(([path]) => path),
    ['node_modules/core-js', 'node_modules/esbuild'],
  );
});

test('what is published says where it was built', () => {
  assert.is(manifest.publishConfig.provenance, true);
});

test.run();
