import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { devices } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { version } from '../../package.json';

// `roi-loss`, the command.

const root = join(__dirname, '..', '..');
const main = join(root, 'dist', 'cli', 'main.js');

function run(args: readonly string[], node: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** Runs with 0; what it prints as JSON. */
function json(...args: string[]) {
  const { status, stdout, stderr } = run([...args, '--json']);
  assert.is(status, 0, stderr);
  return JSON.parse(stdout);
}

const usable = devices().filter(({ available }) => available);
const unusable = devices().filter(({ available }) => !available);

const test = suite('command');

test('devices: all there are, and why one is not usable', () => {
  assert.equal(json('devices').devices, JSON.parse(JSON.stringify(devices())));
  const { status, stdout } = run(['devices']);
  assert.is(status, 0);
  for (const { name, description, reason = '' } of devices())
    for (const text of [name, description, reason]) assert.match(stdout, text);
});

test('check: every loss on every usable device', () => {
  const { passed, results, tolerances, skipped } = json('check');
  assert.is(passed, true);
  for (const { name } of usable) {
    const losses = results.filter((result: { device: string }) => result.device === name);
    for (const word of ['class', 'box', 'bce', 'dice', 'smoothed-bce', 'all terms'])
      assert.ok(
        losses.some(({ loss }: { loss: string }) => loss.includes(word)),
        `no ${word}`,
      );
  }
  for (const { lossError, gradError } of results)
    assert.ok(lossError <= tolerances.loss && gradError <= tolerances.grad);
  assert.is(skipped.length, unusable.length);
  const { status, stdout } = run(['check']);
  assert.is(status, 0);
  assert.match(stdout, 'all within');
});

test('check: a wrong loss, or a wrong gradient, is an exit code of 1', () => {
  const folder = join(root, 'build', 'cli');
  mkdirSync(folder, { recursive: true });
  for (const [what, spoil] of [
    ['loss', 'result.losses.total *= 1.00001'],
    ['gradient', 'result.grads.boxDeltas[0] += 1'],
  ] as const) {
    const file = join(folder, `wrong-${what}.cjs`);
    writeFileSync(
      file,
      `const losses = require(${JSON.stringify(join(root, 'dist', 'losses.js'))});
      const { fusedLoss } = losses;
      losses.fusedLoss = (inputs, options) => {
        const result = fusedLoss(inputs, options);
        if (result.grads?.boxDeltas) ${spoil};
        return result;
      };`,
    );
    const spoiled = run(['check'], ['--require', file]);
    assert.is(spoiled.status, 1, what);
    assert.match(spoiled.stdout, 'WRONG');
    assert.match(spoiled.stdout, 'not within');
    assert.is(JSON.parse(run(['check', '--json'], ['--require', file]).stdout).passed, false);
  }
});

test('bench: a time for every loss', () => {
  const { results } = json('bench', '--device', 'cpu');
  assert.ok(results.length >= 5);
  for (const { device, microseconds } of results) {
    assert.is(device, 'cpu');
    assert.ok(microseconds > 0);
  }
});

for (const { name, reason } of unusable)
  test(`check --device ${name} says why it cannot`, () => {
    const { status, stderr } = run(['check', '--device', name]);
    assert.is(status, 1);
    assert.match(stderr, reason!);
  });

test('an addon that does not load is an exit code of 1, and leaves the help', () => {
  const env = { ROI_LOSS_PREBUILD: join(root, 'lib') };
  const { status, stderr } = run(['devices'], [], env);
  assert.is(status, 1);
  assert.match(stderr, 'no native addon');
  assert.is(run(['--help'], [], env).status, 0);
});

for (const args of [['--help'], ['-h'], ['help'], ['help', 'check'], ['check', '--help'], ['-h', '-v']])
  test(`${args.join(' ')} names all commands and the exit codes`, () => {
    const { status, stdout, stderr } = run(args);
    assert.is(status, 0, stderr);
    for (const word of ['devices', 'check', 'bench', '--json', 'Exit codes']) assert.match(stdout, word);
  });

for (const flag of ['--version', '-v'])
  test(`${flag} is the version`, () => {
    const { status, stdout } = run([flag]);
    assert.is(status, 0);
    assert.is(stdout, `${version}\n`);
  });

for (const args of [['check'], ['check', '--json'], ['bench', '--device', 'cpu'], ['devices'], ['--help']])
  test(`${args.join(' ')} ends as usual when its reader goes away`, async () => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    const [code] = await once(child, 'close');
    assert.is(errors, '');
    assert.is(code, 0);
  });

for (const [args, word] of [
  [[], 'a command is missing'],
  [['chekc'], "'chekc' is no command"],
  [['check', 'cpu'], "'cpu' is one argument too many"],
  [['check', '--jsno'], '--jsno'],
  [['devices', '--device', 'cpu'], 'devices takes no --device'],
  [['check', '--device', 'gpu'], "--device is 'gpu'; expected 'cpu', 'cuda' or 'cuda:N'"],
  [['bench', '--device', 'cuda:-1'], "--device is 'cuda:-1'"],
  [['check', '--device', ''], "--device is ''"],
] as const)
  test(`wrong usage is an exit code of 2: ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = run(args);
    assert.is(status, 2);
    assert.is(stdout, '');
    assert.match(stderr, word);
    assert.match(stderr, 'roi-loss <command>');
  });

test('no colours unless on a terminal', () => {
  for (const command of ['devices', 'check']) assert.not.ok(run([command]).stdout.includes('\u001b'));
});

test.run();
