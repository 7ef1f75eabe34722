import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lackOf, make, programs } from '../support/math';

// float16, bfloat16 and bytes, to floats and back, as each instruction set of the CPU does it: test/native/halves.cpp.

const test = suite('halves');

/** Of the floats that are taken to halves. */
const stride = 61;

for (const program of programs) {
  if (program === 'cuda') continue;
  const lack = lackOf(program);
  if (lack) {
    console.log(`skipped: ${program} — ${lack}`);
    test.skip(program);
    continue;
  }
  test(`${program}: every half is exact as a float, every float becomes the nearest half`, () => {
    const wrong = execFileSync(make(program, 'halves'), [String(stride)], { encoding: 'utf8' });
    assert.is(wrong.slice(0, 1000), '');
  });
}

test.run();
