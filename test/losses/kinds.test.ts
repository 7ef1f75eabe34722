import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MaskLossOptions } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KindOption } from '../../lib/kinds';
import { referenceLoss } from '../../lib/reference';
import { maskKinds as referenceKinds } from '../../lib/reference/mask';
import { inputsOf } from '../../lib/reference/random';
import { assertClose, assertLosses } from '../support/close';
import { fusedLoss, onCuda } from '../support/device';
import { fixtureNames } from '../support/golden';
import { maskKinds, maskOptions } from '../support/kinds';
import { throws } from '../support/throws';

// Each mask loss that native code lists: that nothing of it is missing, and what its options do.

const test = suite('kinds');

const root = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

if (!onCuda) {
  test('the reference has the mask losses that native code lists', () =>
    assert.equal(Object.keys(referenceKinds).sort(), [...maskKinds].sort()));

  test('the README has each of them, with its formula', () => {
    const readme = read('README.md');
    const [, row = ''] = /^\| `fusedMaskLoss` \|(.*)$/m.exec(readme) ?? [];
    for (const kind of maskKinds) {
      assert.match(row, `\`'${kind}'\``);
      assert.ok(readme.includes(`\n| mask \`${kind}\` | `), `the README has no formula of ${kind}`);
    }
  });

  test('each has the fixtures that bce has, and test/fixtures/make.py makes them', () => {
    const names = fixtureNames();
    const script = read('test/fixtures/make.py');
    const casesOf = (kind: string) =>
      names
        .filter((name) => name.startsWith(`mask-${kind}-`))
        .map((name) => name.replace(`mask-${kind}-`, ''));
    assert.ok(casesOf('bce').length > 0);
    for (const kind of maskKinds) {
      assert.equal(casesOf(kind).sort(), casesOf('bce').sort(), kind);
      assert.ok(script.includes(`\n    "${kind}": (`), `make.py does not make ${kind}`);
    }
  });
}

const sizes = { rois: 7, classes: 4, maskSize: [9, 7] as const };
const inputs = inputsOf(5, sizes);
const shape = { classes: 4, maskSize: sizes.maskSize };
const { maskLogits, maskTargets, labels } = inputs;

function compare(mask: MaskLossOptions): void {
  for (const form of [{}, { maskGrad: 'compact' }, { layout: 'nhwc' }] as const) {
    const options = { ...shape, ...form, mask };
    const { losses, grads } = fusedLoss({ maskLogits, maskTargets, labels }, options);
    const expected = referenceLoss({ maskLogits, maskTargets, labels }, options);
    assertLosses(losses, expected.losses);
    assertClose(grads.maskLogits, expected.grads.maskLogits, 'maskLogits');
  }
}

/** Within its range, at its end and beside its default. */
const valuesOf = ({ standard, least, most }: KindOption) => [
  Math.max(least, 2 ** -20),
  Math.min(most, 3 * standard + 0.1),
  ...(Number.isFinite(most) ? [most] : []),
];

for (const kind of maskKinds) {
  test(`${kind}, with its defaults`, () => compare({ kind }));

  for (const option of maskOptions(kind)) {
    const { name, least, most } = option;
    test(`${name} of ${kind}`, () => {
      for (const value of valuesOf(option)) {
        compare({ kind, [name]: value });
        compare({ kind: { bce: 0.5, [kind]: { weight: 2, [name]: value } } as MaskLossOptions['kind'] });
      }
    });

    test(`${name} of ${kind} in a mixture wins over that of the term`, () => {
      const [own, other] = valuesOf(option);
      const call = (mask: MaskLossOptions) =>
        fusedLoss({ maskLogits, maskTargets, labels }, { ...shape, mask }).losses.mask;
      const mixture = { [kind]: { weight: 1, [name]: own } } as MaskLossOptions['kind'];
      assert.is(call({ kind: mixture, [name]: other }), call({ kind, [name]: own }));
    });

    test(`${name} of ${kind} outside of its range`, async () => {
      for (const value of [least - 1, Number.NaN, '1', ...(Number.isFinite(most) ? [most + 1] : [])]) {
        const refuses = (mask: object, name: string) =>
          throws(
            () => fusedLoss({ maskLogits, maskTargets, labels }, { ...shape, mask }),
            RangeError,
            'ERR_ROI_LOSS_OPTION',
            `${name} is `,
          );
        await refuses({ kind, [name]: value }, `mask.${name}`);
        await refuses({ kind: { [kind]: { weight: 1, [name]: value } } }, `mask.kind['${kind}'].${name}`);
      }
    });
  }
}

test('all mask losses at once, over masks of several pieces', () => {
  const large = { rois: 3, classes: 2, maskSize: [61, 67] as const, leastLabel: 1 };
  const { maskLogits, maskTargets, labels } = inputsOf(9, large);
  const options = {
    ...{ classes: 2, maskSize: large.maskSize },
    mask: { kind: Object.fromEntries(maskKinds.map((kind, i) => [kind, 1 + i])) },
  };
  const { losses, grads } = fusedLoss({ maskLogits, maskTargets, labels }, options);
  const expected = referenceLoss({ maskLogits, maskTargets, labels }, options);
  assertLosses(losses, expected.losses);
  assertClose(grads.maskLogits, expected.grads.maskLogits, 'maskLogits');
});

for (const [what, share, type, code, ...words] of [
  ['without a weight', { eps: 1 }, RangeError, 'OPTION', "mask.kind['dice'].weight is undefined"],
  ['of a weight below 0', { weight: -1 }, RangeError, 'OPTION', "mask.kind['dice'].weight is -1"],
  [
    "with another kind's option",
    { weight: 1, smoothing: 0.1 },
    TypeError,
    'OPTION',
    "'smoothing'",
    "['dice']",
  ],
  ['of null', null, TypeError, 'TYPE', "mask.kind['dice'] is null"],
  ['of a string', '1', RangeError, 'OPTION', "mask.kind['dice'] is '1'"],
] as const)
  test(`a share ${what} is an error`, () =>
    throws(
      () =>
        fusedLoss(
          { maskLogits, maskTargets, labels },
          { ...shape, mask: { kind: { dice: share as never } } },
        ),
      type,
      `ERR_ROI_LOSS_${code}`,
      ...words,
    ));

test('class and box losses have a kind, too', async () => {
  const all = fusedLoss(inputs, { ...shape, class: { kind: 'softmax' }, box: { kind: 'smooth-l1' } });
  assert.equal(all.losses, fusedLoss(inputs, shape).losses);
  for (const [term, kind] of [
    ['class', 'softmax'],
    ['box', 'smooth-l1'],
  ] as const)
    await throws(
      () => fusedLoss(inputs, { ...shape, [term]: { kind: 'none' } } as object),
      RangeError,
      'ERR_ROI_LOSS_OPTION',
      `${term}.kind is 'none'`,
      `'${kind}'`,
    );
});

test.run();
