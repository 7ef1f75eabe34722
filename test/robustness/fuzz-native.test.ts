import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { corpus, deviceOf } from '../fuzz/native';
import { failureOf, targets } from '../support/targets';

// What fuzzing below Node-API starts from, and what it found, once more.

/** The addon's own build, which has the objects. */
const build = join(process.env.ROI_LOSS_PREBUILD ?? join(__dirname, '..', '..'), 'build', 'Release');

const test = suite('fuzz, native');

for (const target of [...targets.cpu(), ...targets.standin()]) {
  const name = `every file of the corpus, ${target.label}`;
  if ('reason' in target) {
    console.log(`skipped: ${name} — ${target.reason}`);
    test.skip(name);
    continue;
  }
  test(name, () => {
    assert.is(failureOf('cmake', ['--build', build, '--target', 'replay', '--parallel', '2']), undefined);
    const { status, signal, stdout, stderr } = spawnSync(join(build, 'replay'), [corpus], {
      encoding: 'utf8',
      env: { ...process.env, ...target.env, ROI_FUZZ_DEVICE: deviceOf(target) },
    });
    assert.is(status ?? signal, 0, stderr.slice(-4000));
    assert.is(Number(stdout), readdirSync(corpus).length);
  });
}

test.run();
