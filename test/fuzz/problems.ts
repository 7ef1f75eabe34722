import * as fc from 'fast-check';
import type {
  FusedLossOptions,
  HostMaskOptions,
  LossInputs,
  MaskMixture,
  Reduction,
  TermOptions,
} from 'roi-loss';
import { type Kind, type KindOption, kinds } from '../../lib/kinds';
import { floats, inputsOf, random } from '../../lib/reference/random';
import { badValueOf } from '../../lib/reference/ranges';
import { maskKinds, maskOptionsOf } from '../support/kinds';

// Problems that a call must solve: any small shape, any option, and numbers that are hard on arithmetic.

export interface Problem {
  readonly classes: number;
  readonly rois: number;
  readonly maskSize: readonly [number, number];
  /** Of all terms; those that are left out are missing. */
  readonly inputs: LossInputs;
  readonly options: FusedLossOptions & HostMaskOptions;
  /** Whether the inputs must be refused because a label is no class. */
  readonly badLabel: boolean;
  /** Whether a target or probability is out of its range, be it of a RoI that counts or not. */
  readonly outOfRange: boolean;
  /** Whether a number is so large that a sum may overflow. */
  readonly huge: boolean;
}

const double = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** No products of them leave what float32 can tell. */
const scale = (max: number) => double(1e-6, max).chain((x) => fc.constantFrom(x, -x));

const termOptions = fc.record(
  {
    reduction: fc.constantFrom<Reduction>('mean', 'sum', 'none'),
    normalizer: double(1e-3, 1e6),
    weight: fc.oneof(fc.constantFrom(0, -0, 1, -1), scale(100)),
    gradScale: fc.oneof(fc.constantFrom(0, 1, 65536), scale(100)),
    grad: fc.boolean(),
    metrics: fc.boolean(),
    backward: fc.oneof(fc.constant(0), scale(8)),
  },
  { requiredKeys: [] },
);

const tiny = fc.constantFrom(1e-6, 1e-12, 1e-3, 1, 2 ** -126);
const share = fc.oneof(fc.constantFrom(0, 1, 0.5, 1e-9), double(1e-12, 1));

/** What an option of a kind may be. */
function aValueOf({ least, most }: KindOption): fc.Arbitrary<number> {
  if (least > 0) return tiny;
  return most === 1 ? share : fc.oneof(fc.constantFrom(0, 0.5, 1), double(1e-6, 2));
}
const maskValues = fc.record(
  Object.fromEntries(
    kinds.mask.flatMap(({ options }) => options.map((option) => [option.name, aValueOf(option)])),
  ),
);
/** A weight, alone or with a kind's own options. */
const shareOf = ({ options }: Kind) => {
  const weight = double(0.01, 3);
  const own = fc.record(
    { weight, ...Object.fromEntries(options.map((option) => [option.name, aValueOf(option)])) },
    { requiredKeys: ['weight'] },
  );
  return fc.oneof(fc.constant(0), weight, own);
};
const kind = fc.oneof(
  fc.constantFrom(...maskKinds),
  fc
    .tuple(
      fc.constantFrom(...maskKinds),
      fc.record(Object.fromEntries(kinds.mask.map((kind) => [kind.name, shareOf(kind)]))),
    )
    .map(([sure, shares]) => ({ ...shares, [sure]: shares[sure] || 1 }) as MaskMixture),
);

const options = fc.record({
  shared: termOptions,
  own: fc.record({ class: termOptions, box: termOptions, mask: termOptions }, { requiredKeys: [] }),
  labelSmoothing: share,
  beta: fc.oneof(fc.constantFrom(0, 1 / 9, 1, 1e-300, 1e6), double(1e-6, 4)),
  kind,
  maskValues,
  classEps: tiny,
  layout: fc.constantFrom('nchw', 'nhwc'),
  maskGrad: fc.constantFrom('dense', 'compact'),
});

const channels = fc.constantFrom('all', 'foreground', 'one');

/** Numbers that arithmetic stumbles over. */
const specials = [
  ...[0, -0, 1.4e-45, -1e-40, 1.2e-38, 1, -1, 0.5, 0.99999994, 17, -17, 88, -88, 89, -104, 1e4, -1e4],
  ...[1e29, -1e29, 3e38, -3e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];
const floatNames = ['classLogits', 'boxDeltas', 'boxTargets', 'maskLogits', 'maskTargets'] as const;
const sprinkled = fc.array(
  fc.record({
    name: fc.constantFrom(...floatNames),
    at: fc.nat(),
    value: fc.constantFrom(...specials),
    /** How many elements from there on. */
    run: fc.oneof(fc.constant(1), fc.nat(40)),
  }),
  { maxLength: 5 },
);
const badLabels = fc.array(fc.record({ at: fc.nat(), value: fc.integer() }), { maxLength: 1 });

const shape = fc.record({
  rois: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 6 }) }, fc.constant(0)),
  classes: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 2, max: 9 }) }, fc.constantFrom(33, 81)),
  height: fc.integer({ min: 1, max: 7 }),
  width: fc.integer({ min: 1, max: 9 }),
});

const form = fc.record({
  seed: fc.nat(),
  scale: fc.constantFrom(4, 0.001, 30, 1e-38),
  terms: fc.subarray(['class', 'box', 'mask'], { minLength: 1 }),
  probabilities: fc.boolean(),
  classWeights: fc.boolean(),
  upstream: fc.boolean(),
  bytes: fc.boolean(),
  boxChannels: channels,
  maskChannels: channels,
  /** P, where masks have labels of their own. */
  maskRois: fc.option(fc.nat(4), { nil: undefined, freq: 3 }),
});

type Form = typeof form extends fc.Arbitrary<infer T> ? T : never;
type Options = typeof options extends fc.Arbitrary<infer T> ? T : never;

/** Puts numbers into arrays; of targets mostly such as may be there, for a step that is refused tells little. */
function sprinkle(
  inputs: LossInputs,
  list: readonly { name: string; at: number; value: number; run: number }[],
) {
  for (const { name, at, value, run } of list) {
    const array = (inputs as unknown as { [name: string]: Float32Array | undefined })[name];
    if (!array?.length) continue;
    const isRefused = name === 'maskTargets' && Number.isFinite(value) && at % 8 !== 0;
    const number = isRefused ? Math.min(Math.abs(value), 1) : value;
    for (let i = 0; i < run; i++) array[(at + i) % array.length] = number;
  }
}

function problemOf(
  { rois, classes, height, width }: typeof shape extends fc.Arbitrary<infer T> ? T : never,
  form: Form,
  given: Options,
  special: readonly { name: string; at: number; value: number; run: number }[],
  labels: readonly { at: number; value: number }[],
): Problem {
  const maskSize = [height, width] as const;
  const count = (of: string) => Math.max(1, { all: classes, foreground: classes - 1, one: 1 }[of] ?? 1);
  const [boxChannels, maskChannels] = [count(form.boxChannels), count(form.maskChannels)];
  const next = random(form.seed);
  const all = inputsOf(form.seed, { rois, classes, maskSize, boxChannels, maskChannels });
  const scaled = (array: Float32Array) => array.map((x) => (x * form.scale) / 4);
  const masks =
    form.maskRois === undefined
      ? all
      : inputsOf(form.seed + 1, { rois: form.maskRois, classes, maskSize, maskChannels });
  const has = (term: 'class' | 'box' | 'mask') => form.terms.includes(term);
  const usesLabels = has('class') || has('box') || (has('mask') && form.maskRois === undefined);
  const inputs: LossInputs = {
    ...(usesLabels && { labels: all.labels }),
    ...(has('class') && { classLogits: scaled(all.classLogits) }),
    ...(has('box') && { boxDeltas: scaled(all.boxDeltas), boxTargets: scaled(all.boxTargets) }),
    ...(has('mask') && { maskLogits: scaled(masks.maskLogits), maskTargets: masks.maskTargets }),
    ...(has('mask') && form.maskRois !== undefined && { maskLabels: masks.labels }),
  };
  sprinkle(inputs, special);
  const { classLogits, maskTargets, ...rest } = inputs;
  const most = form.seed % 8 === 0 ? Infinity : 1;
  const finite = (x: number) => (Number.isFinite(x) ? Math.min(Math.abs(x), most) : x);
  const complete = {
    ...rest,
    ...(classLogits && (form.probabilities ? { classProbs: classLogits.map(finite) } : { classLogits })),
    ...(maskTargets && {
      maskTargets: form.bytes ? Uint8Array.from(maskTargets, (y) => (y < 0.5 ? 0 : 255 * y)) : maskTargets,
    }),
  };
  for (const { at, value } of labels) if (complete.labels?.length) complete.labels[at % rois] = value;
  const ones = (length: number) => new Int32Array(length).fill(1);
  const noClass = (array: Int32Array | undefined) => array?.some((u) => u < -1 || u >= classes) ?? false;
  return {
    ...{ rois, classes, maskSize, inputs: complete },
    options: optionsOf(given, form, classes, rois, next),
    badLabel: noClass(complete.labels),
    outOfRange:
      badValueOf({ ...complete, labels: ones(rois), maskLabels: ones(masks.labels.length) }) !== undefined,
    huge: special.some(({ value }) => Math.abs(value) > 1e28 && Number.isFinite(value)),
  };
}

function optionsOf(
  given: Options,
  form: Form,
  classes: number,
  rois: number,
  next: () => number,
): Problem['options'] {
  const { shared, own, layout, maskGrad, kind, maskValues, beta, labelSmoothing } = given;
  // A weight of 0 and smoothing leave a loss that is the small difference of large numbers.
  const weight = () => (labelSmoothing === 0 && next() < 0.2 ? 0 : 0.1 + 3 * next());
  const classWeights = Float32Array.from({ length: classes }, weight);
  const complete = {
    ...shared,
    ...{ layout, maskGrad },
    class: {
      ...own.class,
      ...{ labelSmoothing, ...(form.probabilities && { eps: given.classEps }) },
      ...(form.classWeights && { classWeights }),
    },
    box: { ...own.box, beta },
    mask: { ...own.mask, ...maskOptionsOf({ kind, ...maskValues }) },
  };
  const upstreams = { class: rois, box: rois, mask: form.maskRois ?? rois };
  if (form.upstream)
    for (const [term, length] of Object.entries(upstreams)) {
      const options: TermOptions = complete[term as 'class'];
      const { reduction = shared.reduction } = options;
      if (reduction === 'none') Object.assign(options, { backward: floats(next, length) });
    }
  return complete as Problem['options'];
}

export const problem: fc.Arbitrary<Problem> = fc
  .tuple(shape, form, options, sprinkled, fc.option(badLabels, { nil: [], freq: 6 }))
  .map((parts) => problemOf(...parts));
