import type { Batch, LossInputs, TermResult, TermStep } from 'roi-loss';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceLoss } from '../../lib/reference';
import { assertClose, assertLoss, assertLosses } from '../support/close';
import {
  fusedBoxLoss,
  fusedClassLoss,
  fusedLoss,
  fusedMaskLoss,
  onCuda,
  openTestDevice,
} from '../support/device';
import { type Fixture, fixtureNames, loadFixture } from '../support/golden';

// Every fixture, through arrays, through handles, and through the reference, which must agree to 1e-12 to be one.

// A fixture's options belong to its function, which no type can follow.
const functions = { fusedClassLoss, fusedBoxLoss, fusedMaskLoss } as unknown;
const onArrays = functions as { [name: string]: (inputs: LossInputs, options: object) => TermResult };
const onHandles = functions as { [name: string]: (batch: Batch, options: object) => TermStep };
const termNames = { fusedClassLoss: 'class', fusedBoxLoss: 'box', fusedMaskLoss: 'mask' } as const;

/** The options as `fusedLoss` and the reference take them, those of the one term in its own group. */
function grouped({ function: name, options, inputs, shapes }: Fixture) {
  const classes = options.classes ?? (shapes.classLogits ?? shapes.classProbs)?.[1] ?? 0;
  if (name === 'fusedLoss') return { ...options, classes };
  const { maskSize, layout, maskGrad, ...own } = options as Fixture['options'] & { classes?: number };
  const { classes: _, ...term } = own;
  return {
    classes,
    ...(inputs.maskLogits ? { maskSize: maskSize ?? ([28, 28] as const) } : {}),
    [termNames[name]]: term,
  };
}

const dimensions = (shape: readonly number[] | undefined) =>
  shape ?? assert.unreachable('the fixture has no shape');

/** A batch over tensors that hold the fixture's inputs. */
function batchOf(fixture: Fixture): Batch {
  const device = openTestDevice({ threads: 2 });
  const tensors = Object.entries(fixture.inputs).map(([name, array]) => [
    name,
    device.tensor(array, dimensions(fixture.shapes[name]) as number[]),
  ]);
  return device.batch({ ...Object.fromEntries(tensors), classes: grouped(fixture).classes });
}

const test = suite('golden');

for (const name of fixtureNames()) {
  const fixture = loadFixture(name);
  const { inputs, options, expected, tensors } = fixture;

  // The reference is the same on every device.
  if (!onCuda)
    test(`${name}: reference`, () => {
      const { losses, grads } = referenceLoss(inputs, grouped(fixture));
      if (fixture.function === 'fusedLoss') {
        for (const term of ['total', 'class', 'box', 'mask'] as const)
          assertLoss(losses[term], expected[term] as number, term, 1e-12);
        for (const input of ['classLogits', 'boxDeltas', 'maskLogits'])
          assertClose(grads[input], tensors[`grad${input[0]?.toUpperCase()}${input.slice(1)}`], input, 1e-12);
      } else {
        assertLoss(losses.total, expected.loss as number, 'loss', 1e-12);
        assertClose(Object.values(grads)[0], tensors.grad, 'grad', 1e-12);
      }
    });

  const ofArrays = onArrays[fixture.function];
  const ofHandles = onHandles[fixture.function];
  if (!ofArrays || !ofHandles) {
    test(`${name}: arrays and handles`, async () => {
      const result = fusedLoss(inputs, options);
      assertLosses(result.losses, expected as never);
      const batch = batchOf(fixture);
      const { classes: _, maskSize: __, ...stepOptions } = options;
      assertLosses(await fusedLoss(batch, stepOptions).losses(), expected as never);
      for (const [input, key] of [
        ['classLogits', 'gradClassLogits'],
        ['boxDeltas', 'gradBoxDeltas'],
        ['maskLogits', 'gradMaskLogits'],
      ] as const) {
        assertClose((result.grads as { [name: string]: Float32Array })[input], tensors[key], input);
        assertClose(await batch.grads[input]?.read(), tensors[key], input);
      }
      batch.dispose();
    });
    continue;
  }

  test(`${name}: arrays`, () => {
    const { loss, grad } = ofArrays(inputs, options);
    assertLoss(loss, expected.loss as number);
    assertClose(grad, tensors.grad);
    if (!tensors.perRoi) return;
    assertClose(ofArrays(inputs, { ...options, reduction: 'none' }).perRoi, tensors.perRoi, 'perRoi');
  });

  test(`${name}: handles`, async () => {
    const batch = batchOf(fixture);
    const { classes: _, maskSize: __, ...stepOptions } = options;
    assertLoss(await ofHandles(batch, stepOptions).loss(), expected.loss as number);
    const grad = await Object.values(batch.grads)[0]?.read();
    assertClose(grad, tensors.grad);
    if (tensors.perRoi)
      assertClose(
        await ofHandles(batch, { ...stepOptions, reduction: 'none' }).perRoi(),
        tensors.perRoi,
        'perRoi',
      );
    batch.dispose();
  });
}

test.run();
