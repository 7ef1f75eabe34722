import { suite } from 'uvu';
import { fuzzHere } from '../fuzz/here';
import { openTestDevice, unlessSimulated } from '../support/device';

// A bounded run of what `npm run fuzz` does for minutes. Counterexamples are kept in hostile.test.ts.

const seed = Number(process.env.ROI_LOSS_SEED ?? 20260101);
console.log(`seed ${seed} (ROI_LOSS_SEED)`);

const test = suite('fuzzing at the API');

test('numbers and hostile calls', async () => {
  const runs = unlessSimulated(800, 200);
  await fuzzHere({ runs, seed, device: openTestDevice().name });
});

test.run();
