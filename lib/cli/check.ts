import type { Device } from '../device';
import { openDevice } from '../devices';
import { fusedLoss } from '../losses';
import { type Reference, referenceLoss } from '../reference';
import { gradError, gradTolerance, lossError, lossTolerance } from '../reference/accuracy';
import type { GradName, Losses, LossInputs } from '../types';
import type { Arguments } from './arguments';
import { batchOf, type Case, cases, classes, inputsOfCases, maskSize } from './cases';
import { devicesFor } from './devices';
import { line, paint, printJson } from './print';

const rois = 32;

/** The largest errors of a case: of its losses, relative, and of its gradients, in units of their largest number. */
interface Errors {
  readonly lossError: number;
  readonly gradError: number;
}

function errorsOf(
  losses: Losses,
  grads: { readonly [name: string]: Float32Array },
  expected: Reference,
): Errors {
  const ofLosses = (['total', 'class', 'box', 'mask'] as const).map((term) =>
    lossError(losses[term], expected.losses[term]),
  );
  const ofGrads = Object.entries(expected.grads).map(
    ([name, grad]) => gradError(grads[name] ?? [], grad).error,
  );
  return { lossError: Math.max(...ofLosses), gradError: Math.max(...ofGrads) };
}

/** Over arrays and over handles. */
async function check(device: Device, spec: Case, inputs: LossInputs): Promise<Errors> {
  const options = { ...spec.options, classes, maskSize };
  const expected = referenceLoss(inputs, options);
  const ofArrays = fusedLoss(inputs, { ...options, device });
  using batch = batchOf(device, spec, inputs);
  const losses = await fusedLoss(batch, spec.options).losses();
  const grads: { [name: string]: Float32Array } = {};
  for (const name of Object.keys(expected.grads) as GradName[])
    grads[name] = (await batch.grads[name].read()) as Float32Array;
  const [a, b] = [errorsOf(ofArrays.losses, ofArrays.grads, expected), errorsOf(losses, grads, expected)];
  return { lossError: Math.max(a.lossError, b.lossError), gradError: Math.max(a.gradError, b.gradError) };
}

const widths = [8, 26, 10, 14];

/** Every loss on every usable device against the reference; false where one is off. */
export async function checkCommand(args: Arguments): Promise<boolean> {
  const { usable, skipped } = devicesFor(args);
  const inputsOf = inputsOfCases(rois);
  const results = [];
  if (!args.json) console.log(line(widths, ['device', 'loss', 'loss error', 'gradient error']));
  for (const name of usable) {
    using device = openDevice(name);
    for (const spec of cases) {
      const errors = await check(device, spec, inputsOf(spec));
      const passed = errors.lossError <= lossTolerance && errors.gradError <= gradTolerance;
      results.push({ device: name, loss: spec.name, ...errors, passed });
      if (args.json) continue;
      const cells = [name, spec.name, errors.lossError.toExponential(1), errors.gradError.toExponential(1)];
      console.log(line(widths, [...cells, passed ? paint('green', 'ok') : paint('red', 'WRONG')]));
    }
  }
  const wrong = results.filter(({ passed }) => !passed).length;
  if (args.json)
    printJson({
      tolerances: { loss: lossTolerance, grad: gradTolerance },
      passed: wrong === 0,
      results,
      skipped,
    });
  else {
    for (const { name, reason } of skipped)
      console.log(line(widths, [name, paint('yellow', `skipped: ${reason}`)]));
    const verdict = wrong === 0 ? 'all within' : `${wrong} of ${results.length} not within`;
    console.log(
      `\n${verdict} ${lossTolerance} of the losses in float64, ${gradTolerance} of the largest gradient`,
    );
  }
  return wrong === 0;
}
