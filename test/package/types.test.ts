import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/prebuilds';
import { snippets } from '../support/readme';

// The declarations, as they are packed, in a project without @types/node, without a `lib` and with `skipLibCheck: false`:
// TypeScript from the oldest that they are for to the latest, however it finds modules. The snippets of the README too.

/** The compilers, from the oldest on, and where each is. */
const compilers = [
  ['5.2', join(__dirname, 'node_modules', 'typescript-5.2')],
  ['5.7', join(__dirname, 'node_modules', 'typescript-5.7')],
  ['6.0', join(root, 'node_modules', 'typescript')],
  ['7.0', join(__dirname, 'node_modules', 'typescript-7.0')],
] as const;

const resolutions = {
  node16: { module: 'node16', moduleResolution: 'node16', target: 'es2022' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler', target: 'es2022' },
};

const test = suite('types');

function skip(what: string, reason: string): void {
  console.log(`skipped: ${what} — ${reason}`);
  test.skip(what);
}

const folder = join(root, 'build', 'types');
rmSync(folder, { recursive: true, force: true });
const installed = join(folder, 'node_modules', 'roi-loss');
mkdirSync(installed, { recursive: true });
cpSync(join(root, 'package.json'), join(installed, 'package.json'));
cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
writeFileSync(join(folder, 'package.json'), '{ "private": true }');
for (const name of ['api', 'tfjs'])
  for (const extension of ['mts', 'cts'])
    cpSync(join(__dirname, 'types', `${name}.ts`), join(folder, `${name}.${extension}`));
for (const [i, code] of snippets.entries()) writeFileSync(join(folder, `snippet-${i + 1}.mts`), code);

/** TensorFlow.js's own declarations have errors of their own; those in files of the project and the package count. */
const ours = /^(?:api|tfjs|snippet-\d+)\.|^node_modules\/roi-loss\/|^error/;

for (const [version, compiler] of compilers) {
  if (!existsSync(compiler)) {
    skip(`TypeScript ${version}`, 'not installed; `npm ci --prefix test/package` does it');
    continue;
  }
  test(`TypeScript ${version} is itself`, () => {
    const { version: found } = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8'));
    assert.ok(found.startsWith(`${version}.`), found);
  });

  for (const [name, options] of Object.entries(resolutions))
    test(`TypeScript ${version}, ${name}`, () => {
      const project = join(folder, `tsconfig-${version}-${name}.json`);
      const compilerOptions = { ...options, strict: true, noEmit: true, skipLibCheck: false, types: [] };
      const include = ['api.*', 'tfjs.*', ...(name === 'nodenext' ? ['snippet-*'] : [])];
      writeFileSync(project, JSON.stringify({ compilerOptions, include }));
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [join(compiler, 'bin', 'tsc'), '--project', project, '--pretty', 'false', '--listFiles'],
        { cwd: folder, encoding: 'utf8' },
      );
      const lines = `${stdout}${stderr}`.split('\n');
      assert.equal(
        lines.filter((line) => ours.test(line)),
        [],
      );
      for (const file of ['api.mts', 'tfjs.cts', 'dist/index.d.ts'])
        assert.ok(
          lines.some((line) => line.endsWith(`/${file}`)),
          `did not compile ${file}: ${stdout}${stderr}`,
        );
      assert.not.ok(lines.some((line) => line.includes('@types/node')));
    });
}

test.run();
