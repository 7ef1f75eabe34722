import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../arguments';

// What the scripts of a clone say: the build of the addon, with a CMake that only talks, and the runner of these suites.

const root = join(__dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'roi-loss-build-'));
const log = join(folder, 'log');

/** A folder of tools, each of which logs its arguments and, when it builds, says something. */
function tools(found: { readonly [tool: string]: string }): string {
  const path = mkdtempSync(join(folder, 'tools-'));
  symlinkSync(process.execPath, join(path, 'node'));
  for (const [tool, says] of Object.entries(found)) {
    const file = join(path, tool);
    writeFileSync(
      file,
      `#!/bin/sh\necho ${tool} "$@" >> '${log}'\n[ "$1" = --build ] && echo '${says}'\nexit 0\n`,
    );
    chmodSync(file, 0o755);
  }
  return path;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, CXX: '', ROI_LOSS_CUDA: '', ...env },
  });
  return { status, stdout, stderr };
}

/** Builds with such tools and no others. */
const build = (path: string, env: NodeJS.ProcessEnv = {}) =>
  run([join('native', 'build.mjs')], { ...env, PATH: path });

const test = suite('scripts');
test.after(() => rmSync(folder, { recursive: true }));

if (process.platform !== 'win32') {
  for (const [name, there, words] of [
    ['a CMake', { 'g++': '', make: '' }, ['CMake 3.18']],
    ['a compiler', { cmake: '', ninja: '' }, ['C++20 compiler']],
    ['make', { cmake: '', 'g++': '' }, ['Neither make nor ninja']],
    ['any tool', {}, ['CMake 3.18', 'C++20 compiler', 'Neither make nor ninja']],
  ] as const)
    test(`a build without ${name} names it`, () => {
      const { status, stderr } = build(tools(there));
      assert.is(status, 1);
      for (const word of words) assert.match(stderr, word);
      assert.is(stderr.split('\n  - ').length, 1 + words.length);
    });

  const says = (...lines: string[]) => tools({ cmake: lines.join('\n'), 'g++': '', ninja: '' });

  test('a first build says what is built, for how many architectures, for how long and how to have less', () => {
    const { status, stdout } = build(
      says('-- roi-loss: with CUDA kernels for 5 architectures', '[1/2] Building CXX object a.o'),
    );
    assert.is(status, 0);
    assert.match(
      stdout,
      /building the native addon with CUDA kernels for 5 architectures: about \d+ min on \d cores?/,
    );
    assert.match(stdout, 'ROI_LOSS_CUDA=off');
  });

  test('one without kernels does not offer to leave them out', () => {
    const { stdout } = build(
      says('-- roi-loss: without CUDA kernels (why)', '[ 50%] Building CXX object a.o'),
    );
    assert.match(stdout, /building the native addon without CUDA kernels \(why\): about \d+ min/);
    assert.not.match(stdout, 'ROI_LOSS_CUDA');
  });

  test('a later build says that something has changed, or nothing', () => {
    assert.match(build(says('[1/2] Compiling the CUDA kernels')).stdout, 'building what has changed');
    assert.is(build(says('[1/2] Re-checking globbed directories...')).stdout, '');
    assert.is(build(says('[100%] Built target cpu')).stdout, '');
  });

  test('ROI_LOSS_CUDA is on, off or an error', () => {
    const path = says('');
    writeFileSync(log, '');
    // The folder is configured already: the option reaches CMake where it differs.
    const cache = readFileSync(join(root, 'build', 'Release', 'CMakeCache.txt'), 'utf8');
    const other = cache.includes('ROI_LOSS_CUDA:BOOL=OFF') ? 'on' : 'off';
    assert.is(build(path, { ROI_LOSS_CUDA: other }).status, 0);
    assert.match(readFileSync(log, 'utf8'), new RegExp(`cmake .*-DROI_LOSS_CUDA=${other.toUpperCase()}`));
    const { status, stderr } = build(path, { ROI_LOSS_CUDA: 'no' });
    assert.is(status, 1);
    assert.match(stderr, "ROI_LOSS_CUDA is 'no'; expected 'on' or 'off'");
  });
}

test('wrong arguments of the runner are told before anything is built', () => {
  for (const [args, word] of [
    [['golden', 'nosuchsuite'], "no suite matches 'nosuchsuite'"],
    [['--devices', 'cpu,gpus'], "--devices has 'gpus'; expected cpu, standin, gpu, ptxrun"],
    [['--limit', 'x'], "--limit is 'x'"],
    [['--jobs', '0'], "--jobs is '0'"],
    [['--without', 'memory'], "--without is 'memory'"],
    [['--what'], '--what'],
  ] as const) {
    const { status, stdout, stderr } = run(
      ['--import', 'tsx', join('test', 'run.ts'), '--build', ...args],
      {},
    );
    assert.is(status, 2);
    assert.is(stdout, '');
    assert.match(stderr, word);
    assert.match(stderr, 'npm test -- [WORD');
    assert.not.match(stderr, /^ +at /m);
  }
});

test('--help of the runner', () => {
  const { status, stdout } = run(['--import', 'tsx', join('test', 'run.ts'), '--build', '--help'], {});
  assert.is(status, 0);
  for (const word of ['--devices', 'ptxrun', '--limit']) assert.match(stdout, word);
});

test('words choose suites', () => {
  assert.equal(parseArguments(['golden']).chosen, ['losses/golden.test.ts']);
  assert.ok(parseArguments(['losses/']).chosen.every((name) => name.startsWith('losses/')));
  assert.ok(parseArguments([]).chosen.length > 40);
  assert.equal(parseArguments(['--without', 'package=why=so']).without, [
    { word: 'package', reason: 'why=so' },
  ]);
});

test.run();
