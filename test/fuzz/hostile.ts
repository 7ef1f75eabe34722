import * as fc from 'fast-check';
import {
  type Device,
  type ErrorCode,
  fusedLoss,
  type GradName,
  type HostArray,
  type Losses,
  type LossInputs,
  LossStep,
  openDevice,
  type RoiLossError,
} from 'roi-loss';
import * as assert from 'uvu/assert';
import { assertGrad, assertLossesOf, expectedOf } from './compare';
import { type Problem, problem } from './problems';
import { costume, costumes, detach, oddValue, wrapping, wrappings } from './zoo';

// Calls with something wrong: each is refused by an error with a code, or gives what the reference gives for what
// was truly passed; and whatever it was, the device and the batch go on.

const codes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(['ERR_ROI_LOSS_TYPE', 'ERR_ROI_LOSS_DTYPE', 'ERR_ROI_LOSS_SHAPE', 'ERR_ROI_LOSS_LABEL'] as const),
  ...(['ERR_ROI_LOSS_VALUE'] as const),
  ...(['ERR_ROI_LOSS_OPTION', 'ERR_ROI_LOSS_BUFFER', 'ERR_ROI_LOSS_DISPOSED'] as const),
  ...(['ERR_ROI_LOSS_DEVICE', 'ERR_ROI_LOSS_MEMORY'] as const),
]);

/** What a hostile getter throws: that must come out as it is. */
export class OwnError extends Error {}

/** Fails unless the error is one of the package's, or of the caller's own. */
export function assertRefusal(error: unknown, ...words: string[]): void {
  if (error instanceof OwnError) return;
  const { code, message, stack } = error as RoiLossError;
  assert.ok(codes.has(code), `not an error of the package: ${stack}`);
  for (const word of words) assert.ok(message.includes(word), `${code} does not name ${word}: ${message}`);
}

const inputNames = ['classLogits', 'classProbs', 'boxDeltas', 'boxTargets', 'maskLogits', 'maskTargets'];
const names = fc.constantFrom(...inputNames, 'labels', 'maskLabels');
const optionNames = ['reduction', 'normalizer', 'weight', 'gradScale', 'grad', 'backward', 'metrics'];
const hostNames = ['classes', 'maskSize', 'layout', 'maskGrad', 'device', 'class', 'box', 'mask'];
const ownNames = ['class.classWeights', 'class.labelSmoothing', 'class.eps', 'box.beta', 'mask.kind'];
const moreNames = ['mask.smoothing', 'mask.eps', 'class.reduction', 'box.weight', 'mask.backward', 'odd'];

const effects = ['throw', 'detach', 'dispose', 'step', 'labels', 'change'] as const;

const wrong = fc.oneof(
  fc.record({ costume, name: names }),
  fc.record({ odd: oddValue, name: names }),
  fc.record({
    odd: oddValue,
    option: fc.constantFrom(...optionNames, ...hostNames, ...ownNames, ...moreNames),
  }),
  fc.record({
    effect: fc.constantFrom(...effects),
    on: fc.constantFrom('inputs', 'options'),
    at: fc.nat(20),
    victim: names,
  }),
);

export const hostileCase = fc.record({
  problem: problem.filter(({ badLabel, outOfRange, huge }) => !badLabel && !outOfRange && !huge),
  wrong,
  inputs: wrapping,
  options: wrapping,
  handles: fc.boolean(),
});
export type HostileCase = typeof hostileCase extends fc.Arbitrary<infer T> ? T : never;

type Bag = { [key: string]: unknown };

/** `object` with something else under a name, which may be `a.b`. */
function replaced(object: Bag, path: string, value: unknown): Bag {
  const [first, second] = path.split('.') as [string, string | undefined];
  return { ...object, [first]: second ? { ...(object[first] as object), [second]: value } : value };
}

/** `object`, whose n-th property does something when it is read. */
function trapped(object: Bag, n: number, effect: (key: string) => unknown): object {
  const keys = Object.keys(object);
  const key = keys[n % Math.max(keys.length, 1)];
  if (key === undefined) return object;
  return Object.defineProperty({ ...object }, key, {
    enumerable: true,
    get: () => effect(key) ?? object[key],
  });
}

/** A call over arrays or a batch, as it should be. */
function honest(device: Device, { problem: p, handles }: HostileCase) {
  const { classes, maskSize } = p;
  const { layout, maskGrad, ...options } = p.options;
  const inputs: Bag = Object.fromEntries(
    Object.entries(p.inputs).map(([name, array]) => [name, (array as HostArray).slice()]),
  );
  return {
    inputs,
    options: handles ? { ...options } : ({ ...options, layout, maskGrad, classes, maskSize, device } as Bag),
  };
}

function batchOf(device: Device, { classes, maskSize, rois, inputs, options }: Problem) {
  const { layout, maskGrad } = options;
  const masks = (inputs.maskLabels ?? inputs.labels)?.length ?? 0;
  const pixels = maskSize[0] * maskSize[1];
  return device.batch({
    ...{ rois, classes, maskSize, layout, maskGrad, probabilities: inputs.classProbs !== undefined },
    terms: [
      ...(inputs.classLogits || inputs.classProbs ? ['class' as const] : []),
      ...(inputs.boxDeltas ? ['box' as const] : []),
      ...(inputs.maskLogits ? ['mask' as const] : []),
    ],
    ...(inputs.boxDeltas && rois > 0 && { boxChannels: inputs.boxDeltas.length / rois / 4 }),
    ...(inputs.maskLogits && masks > 0 && { maskChannels: inputs.maskLogits.length / masks / pixels }),
    ...(inputs.maskLabels && { maskRois: masks }),
    maskTargetType: inputs.maskTargets instanceof Uint8Array ? 'uint8' : 'float32',
  });
}

/** The numbers of a typed array, past what it says of itself; undefined for anything else. */
function truth(array: unknown): HostArray | undefined {
  if (!ArrayBuffer.isView(array) || array instanceof DataView) return undefined;
  const name = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Uint8Array.prototype),
    Symbol.toStringTag,
  )?.get?.call(array);
  const Type = { Float32Array, Int32Array, Uint8Array }[name as 'Float32Array'];
  return Type && new Type(array as Float32Array);
}

/** What the call truly passed, for the reference. */
function passed(p: Problem, handles: boolean, inputs: Bag, options: Bag): Problem {
  const ofBatch = {
    classes: p.classes,
    maskSize: p.maskSize,
    layout: p.options.layout,
    maskGrad: p.options.maskGrad,
  };
  const all = handles ? { ...options, ...ofBatch } : options;
  const { classes = p.classes, maskSize = [28, 28], device, ...rest } = all;
  const given = Object.entries(inputs).filter(([, array]) => array !== undefined);
  const noNull = (bag: Bag): Bag =>
    Object.fromEntries(
      Object.entries(bag)
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([key, value]) => [key, ['class', 'box', 'mask'].includes(key) ? noNull(value as Bag) : value]),
    );
  return {
    ...p,
    ...{ classes, maskSize, huge: true },
    inputs: Object.fromEntries(given.map(([name, array]) => [name, truth(array)])),
    options: noNull(rest),
  } as Problem;
}

/** Fails if a call that is wrong in some way crashes, throws anything else, or gives what it should not. */
export async function checkHostile(shared: Device, given: HostileCase): Promise<void> {
  const { problem: p, wrong } = given;
  const disposes = 'effect' in wrong && wrong.effect === 'dispose';
  const device = disposes ? openDevice(shared.name) : shared;
  const call = honest(device, given);
  const batch = given.handles ? batchOf(device, p) : undefined;
  let [inputs, options]: [Bag, Bag] = [call.inputs, call.options];
  let word: string | undefined;
  if ('costume' in wrong) {
    const array = inputs[wrong.name];
    const dress = costumes[wrong.costume] as (typeof costumes)[string];
    if (array) inputs = { ...inputs, [wrong.name]: dress(array as HostArray) };
  } else if ('name' in wrong) {
    inputs = { ...inputs, [wrong.name]: wrong.odd() };
  } else if ('option' in wrong) {
    options = replaced(options, wrong.option, wrong.odd());
    // The sizes may be those of something; then it is the arrays that do not fit.
    if (!['classes', 'maskSize'].includes(wrong.option)) word = wrong.option.split('.').at(-1);
    // Without a kind, 'bce' is meant, and the error may name an option that the former kind had.
    if (wrong.option === 'mask.kind') word = 'mask.';
  }
  const reads = { inputs: wrappings[given.inputs]?.(inputs), options: wrappings[given.options]?.(options) };
  if ('effect' in wrong) {
    const target = wrong.on === 'inputs' ? inputs : options;
    const victim = inputs[wrong.victim] as HostArray | undefined;
    let count = 0;
    reads[wrong.on] = trapped(target, wrong.at, () => {
      if (wrong.effect === 'throw') throw new OwnError('on purpose');
      if (wrong.effect === 'detach' && victim && victim.byteLength > 0) detach(victim);
      if (wrong.effect === 'dispose') (count++ % 2 ? device : (batch ?? device)).dispose();
      if (wrong.effect === 'labels') (inputs.labels as Int32Array | undefined)?.fill(1 << 30);
      if (wrong.effect === 'step' && count++ === 0) run(call.inputs, { ...call.options, weight: 1000 });
      return wrong.effect === 'change' && count++ > 0 ? 'something else' : undefined;
    });
  }

  function run(theseInputs: unknown, theseOptions: unknown) {
    if (!batch) return fusedLoss(theseInputs as LossInputs, theseOptions as object);
    batch.write(theseInputs as LossInputs);
    return fusedLoss(batch, theseOptions as object);
  }

  const before = expectedOf(p);
  let result: ReturnType<typeof run> | undefined;
  let actual: Losses | undefined;
  try {
    result = run(reads.inputs, reads.options);
    actual = result instanceof LossStep ? await result.losses() : result.losses;
  } catch (error) {
    assertRefusal(error, ...(word ? [word] : []));
  }
  if (actual) {
    // Where a getter was at work, what was passed is what an honest call passes.
    const really = 'effect' in wrong ? p : passed(p, given.handles, inputs, options);
    if (batch && 'name' in wrong) Object.assign(really.inputs, withoutMissing(p, really));
    const expected = expectedOf(really);
    assertLossesOf({ ...really, huge: true }, actual, expected);
    for (const [name, grad] of Object.entries(result && 'grads' in result ? result.grads : {}))
      assertGrad({ ...really, huge: true }, name as GradName, 'float32', grad as Float32Array, expected);
  }
  if (disposes) {
    batch?.dispose();
    device.dispose();
    return;
  }
  await assertGoesOn(device, given, before);
  batch?.dispose();
}

/** Inputs that a batch kept from before, where the call gave none: zeros. */
function withoutMissing(p: Problem, really: Problem): object {
  const missing = Object.entries(p.inputs).filter(([name]) => !(really.inputs as Bag)[name]);
  return Object.fromEntries(missing.map(([name, array]) => [name, (array as HostArray).slice().fill(0)]));
}

async function assertGoesOn(device: Device, given: HostileCase, expected: ReturnType<typeof expectedOf>) {
  const { inputs, options } = honest(device, { ...given, handles: false });
  assertLossesOf(given.problem, fusedLoss(inputs as LossInputs, options).losses, expected);
}
