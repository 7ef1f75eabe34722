import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ReferenceOptions, referenceLoss } from '../../lib/reference';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { assertClose } from '../support/close';
import { maskLosses, nameOf } from '../support/kinds';

// The reference's own derivatives, which everything else is held against, are those of its losses.

const test = suite('finite differences');

const sizes = { rois: 4, classes: 3, maskSize: [3, 5] as const, leastLabel: 0 };
const step = 2 ** -10; // a float32 holds it exactly beside the inputs below

const cases: { [name: string]: Partial<ReferenceOptions> } = {
  ...Object.fromEntries(maskLosses.map((kind) => [nameOf(kind), { mask: { kind } }])),
  'more smoothing': { mask: { kind: 'smoothed-bce', smoothing: 0.2 } },
  mixture: { mask: { kind: { bce: 0.3, dice: 0.5, 'smoothed-bce': 0.7 } }, weight: 1.5 },
  'class weights and label smoothing': {
    class: { classWeights: Float32Array.of(1, 2, 0.5), labelSmoothing: 0.1 },
  },
  'sum, small beta': { reduction: 'sum', box: { beta: 0.3 } },
  'dice with a large eps, channels last': { mask: { kind: 'dice', eps: 2 }, layout: 'nhwc' },
  'a normalizer, weights of terms': { normalizer: 2.5, class: { weight: 2 }, mask: { weight: 0.5 } },
};

for (const [name, options] of Object.entries(cases)) {
  test(name, () => {
    const inputs = inputsOf(7, sizes);
    // Multiples of 2^-8: adding ± step is exact.
    for (const array of [inputs.classLogits, inputs.boxDeltas, inputs.maskLogits])
      array.forEach((x, i) => {
        array[i] = Math.round(x * 256) / 256;
      });
    const all: ReferenceOptions = { classes: 3, maskSize: [3, 5], ...options };
    const { grads } = referenceLoss(inputs, all);
    let compared = 0;
    for (const input of ['classLogits', 'boxDeltas', 'maskLogits'] as const) {
      const array = inputs[input];
      const grad = grads[input] as Float64Array;
      array.forEach((x, i) => {
        const lossAt = (value: number) => {
          array[i] = value;
          return referenceLoss(inputs, all).losses.total;
        };
        const difference = (lossAt(x + step) - lossAt(x - step)) / (2 * step);
        array[i] = x;
        // The kink of smooth L1 leaves an error of first order there, else it is of second order.
        const tolerance = input === 'boxDeltas' ? 2e-3 : 1e-5;
        assert.ok(
          Math.abs(difference - (grad[i] as number)) < tolerance,
          `${input}[${i}]: ${difference} and ${grad[i]}`,
        );
        compared++;
      });
    }
    assert.is(compared, 4 * 3 + 4 * 3 * 4 + 4 * 3 * 15);
  });
}

test('probabilities', () => {
  const { labels } = inputsOf(8, sizes);
  const classProbs = floats(random(8), 12).map((z) => Math.round((Math.abs(z) / 4 + 0.2) * 256) / 256);
  const all: ReferenceOptions = {
    classes: 3,
    class: { classWeights: Float32Array.of(1, 2, 0.5), labelSmoothing: 0.1 },
  };
  const grad = referenceLoss({ classProbs, labels }, all).grads.classProbs as Float64Array;
  classProbs.forEach((p, i) => {
    const lossAt = (value: number) => {
      classProbs[i] = value;
      return referenceLoss({ classProbs, labels }, all).losses.class;
    };
    const difference = (lossAt(p + step) - lossAt(p - step)) / (2 * step);
    classProbs[i] = p;
    assert.ok(Math.abs(difference - (grad[i] as number)) < 1e-4, `${i}: ${difference} and ${grad[i]}`);
  });
});

test('gradScale and the upstream gradient scale the derivative alone', () => {
  const inputs = inputsOf(7, sizes);
  const all = { classes: 3, maskSize: [3, 5], reduction: 'none' } as const;
  const upstream = Float32Array.of(1, -2, 0, 0.5);
  const plain = referenceLoss(inputs, all);
  const scaled = referenceLoss(inputs, { ...all, gradScale: 4, backward: upstream });
  assert.equal(scaled.losses, plain.losses);
  for (const name of ['classLogits', 'boxDeltas', 'maskLogits'] as const) {
    const before = plain.grads[name] as Float64Array;
    const rowOf = (i: number) => Math.floor(i / (before.length / 4));
    const expected = before.map((g, i) => 4 * (upstream[rowOf(i)] as number) * g);
    assertClose(scaled.grads[name], expected, name, 1e-15);
  }
});

test.run();
