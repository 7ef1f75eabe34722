import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lackOf, make, programs, violationsOf, walk } from '../support/math';

// Every 61st float; `npm run test:exhaustive` tries all of them.

const stride = 61;
/** The model of the GPU takes longer. */
const strideOfModel = 211;

const test = suite('math');

for (const program of programs) {
  const lack = lackOf(program);
  if (lack) {
    console.log(`skipped: ${program} math — ${lack}`);
    test.skip(program);
    continue;
  }
  test(`${program}: errors stay within their bounds, NaN stays NaN`, async () => {
    make(program);
    const found = await walk(program, program === 'cuda' ? strideOfModel : stride);
    for (const figures of found) {
      assert.ok(figures.tried > 1e6, `${figures.name}: too few floats tried`);
      assert.equal(violationsOf(program, figures), []);
    }
  });
}

test.run();
