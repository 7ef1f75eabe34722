import type { BatchSizes, FusedLossOptions, MaskKind, MaskMixture } from 'roi-loss';

// What is measured: one table, from which follow the inputs, the bytes and how every contender is run.

export type Group =
  | 'class and box'
  | 'mask compact'
  | 'mask dense'
  | 'whole step'
  | 'call'
  | 'variant'
  | 'sweep';

export interface Case {
  readonly name: string;
  /** Cases that the same targets are for; a sweep is a line of the chart. */
  readonly group: Group;
  /** What `device.batch` takes. */
  readonly sizes: BatchSizes;
  /** RoIs with a label above 0; they come first. Every RoI that has a mask is one of them. */
  readonly foreground: number;
  /** What `fusedLoss` takes. */
  readonly options: FusedLossOptions;
  /** New labels every step, as in training, or sparse writing would never have to clear a channel. */
  readonly newLabels?: true;
  /** The package and the floors alone: what peers do not have, or what would say nothing new about them. */
  readonly alone?: true;
  /** Inputs and gradients rotate through more memory than the last-level cache holds. */
  readonly cold?: true;
  /** Left out of `--quick`. */
  readonly slow?: true;
}

const kinds: { readonly [name: string]: MaskKind | MaskMixture } = {
  bce: 'bce',
  dice: 'dice',
  'smoothed-bce': 'smoothed-bce',
  mixture: { dice: 0.5, 'smoothed-bce': 0.5 },
};

/** As torchvision's `fastrcnn_loss` has it built in. */
const box = { beta: 1 / 9 };
const coco = { rois: 512, classes: 81 };
const classAndBox = { ...coco, terms: ['class', 'box'] } as const;

const compact = { ...coco, terms: ['mask'], maskGrad: 'compact' } as const;

const ofKinds = (what: string, spec: Omit<Case, 'name' | 'options'>): Case[] =>
  Object.entries(kinds).map(([name, kind]) => ({
    ...spec,
    name: `${what}, ${name}`,
    options: { mask: { kind } },
  }));

/** Variants of a case, one for each value of what is varied. */
const vary = <T>(values: readonly T[], caseOf: (value: T) => Omit<Case, 'group' | 'alone'>): Case[] =>
  values.map((value) => ({ group: 'variant', alone: true, slow: true, ...caseOf(value) }));

const variants: readonly Case[] = [
  ...vary([2, 3, 21, 1204], (classes) => ({
    name: `class + box, C = ${classes}`,
    sizes: { rois: 512, classes, terms: ['class', 'box'] },
    foreground: 128,
    options: { box },
  })),
  ...vary([14, 56, 112], (size) => ({
    name: `mask compact, bce, ${size}×${size}`,
    sizes: { rois: 128, classes: 21, maskSize: [size, size], terms: ['mask'], maskGrad: 'compact' },
    foreground: 128,
    options: {},
  })),
  ...vary(['float16', 'bfloat16'] as const, (dtype) => ({
    name: `mask compact, bce, ${dtype}`,
    sizes: { ...compact, dtype, maskTargetType: 'uint8' },
    foreground: 512,
    options: {},
  })),
  ...vary(Object.entries(kinds), ([name, kind]) => ({
    name: `mask compact, ${name}, forward only`,
    sizes: compact,
    foreground: 512,
    options: { grad: false, mask: { kind } },
  })),
  ...vary(['bce', 'mixture'], (name) => ({
    name: `mask compact, ${name}, cold`,
    sizes: { ...compact, maskChannels: 1 },
    foreground: 512,
    options: { mask: { kind: kinds[name] } },
    cold: true,
  })),
  ...vary([true], () => ({
    name: 'LVIS',
    sizes: { rois: 512, classes: 1204, maskRois: 128, maskChannels: 1 },
    foreground: 128,
    options: { box },
  })),
];

/** All terms, a quarter of the RoIs foreground; class-agnostic masks, or the logits of the largest were 4 GB. */
const sweep: readonly Case[] = [1, 4, 16, 64, 256, 1024, 4096, 16384].map(
  (rois): Case => ({
    name: `sweep, R = ${rois}`,
    group: 'sweep',
    sizes: { rois, classes: 81, maskChannels: 1, maskRois: Math.ceil(rois / 4) },
    foreground: Math.ceil(rois / 4),
    options: { box },
    ...([1, 16, 256, 1024].includes(rois) ? {} : { slow: true }),
  }),
);

export const cases: readonly Case[] = [
  { name: 'class', group: 'whole step', sizes: { ...coco, terms: ['class'] }, foreground: 512, options: {} },
  { name: 'box', group: 'whole step', sizes: { ...coco, terms: ['box'] }, foreground: 512, options: { box } },
  { name: 'class + box', group: 'class and box', sizes: classAndBox, foreground: 512, options: { box } },
  {
    name: 'class + box, F = 128',
    group: 'class and box',
    sizes: classAndBox,
    foreground: 128,
    options: { box },
  },
  ...ofKinds('mask compact', { group: 'mask compact', sizes: compact, foreground: 512 }),
  ...ofKinds('mask dense', {
    group: 'mask dense',
    sizes: { ...coco, terms: ['mask'] },
    foreground: 512,
    newLabels: true,
  }),
  { name: 'all terms', group: 'whole step', sizes: coco, foreground: 512, options: { box }, newLabels: true },
  {
    name: 'torchvision default',
    group: 'whole step',
    sizes: { rois: 512, classes: 91, maskRois: 128 },
    foreground: 128,
    options: { box },
    newLabels: true,
  },
  {
    name: 'noisy-mask study',
    group: 'whole step',
    // detectron2: L1 for boxes, a quarter of the RoIs foreground, masks of the foreground alone.
    sizes: { rois: 1024, classes: 3, maskSize: [14, 14], maskRois: 256 },
    foreground: 256,
    options: { box: { beta: 0 }, mask: { kind: kinds.mixture, weight: 0.3 } },
    newLabels: true,
  },
  { name: 'one RoI', group: 'call', sizes: { rois: 1, classes: 81 }, foreground: 1, options: { box } },
  ...variants,
  ...sweep,
];

export const maskSizeOf = ({ sizes }: Case): readonly [number, number] => sizes.maskSize ?? [28, 28];
export const termsOf = ({ sizes }: Case) => sizes.terms ?? (['class', 'box', 'mask'] as const);

/** The least that a step must read and write, in bytes: of boxes and masks the label's channel alone. */
export function bytesOf(spec: Case): number {
  const { rois, classes, dtype, maskTargetType } = spec.sizes;
  const [height, width] = maskSizeOf(spec);
  const terms = termsOf(spec);
  const float = dtype === undefined || dtype === 'float32' ? 4 : 2;
  const target = maskTargetType === 'uint8' ? 1 : 4;
  const grads = spec.options.grad === false ? 0 : spec.newLabels ? 2 : 1;
  const bytes = [
    terms.includes('class') ? rois * classes * float * (1 + Math.min(grads, 1)) : 0,
    terms.includes('box') ? spec.foreground * 4 * (4 + float * (1 + Math.min(grads, 1))) : 0,
    terms.includes('mask') ? spec.foreground * height * width * (target + float * (1 + grads)) : 0,
  ];
  return 4 * rois + bytes.reduce((sum, more) => sum + more);
}

export const sizeOfSweep = ({ sizes }: Case): number => sizes.rois;
