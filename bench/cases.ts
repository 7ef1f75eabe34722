import type { BatchSizes, FusedLossOptions, MaskKind, MaskMixture, MatchOptions } from 'roi-loss';
import { kinds as lossKinds } from '../lib/kinds';
import { peerKinds } from './peers/plain';

// What is measured: one table, from which follow the inputs, the bytes and how every contender is run.

export type Group =
  | 'class and box'
  | 'mask compact'
  | 'mask dense'
  | 'whole step'
  | 'targets'
  | 'call'
  | 'matching'
  | 'variant'
  | 'sweep'
  | 'CUDA';

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
  /** The sides of objects in pixels, from and to, where masks are cropped from bitmaps. */
  readonly sides?: readonly [number, number];
  /** Boxes are matched with so many objects; there is no loss. */
  readonly match?: MatchOptions & { readonly objects: number };
  /** New labels every step, as in training, or sparse writing would never have to clear a channel. */
  readonly newLabels?: true;
  /** PyTorch alone, where others lack the type or would say nothing new; or nobody. Default: all. */
  readonly peers?: 'torch' | 'none';
  /** Inputs and gradients rotate through more memory than the last-level cache holds. */
  readonly cold?: true;
  /** Left out of `--quick`. */
  readonly slow?: true;
}

const mixture: MaskMixture = { dice: 0.5, 'smoothed-bce': 0.5 };
export const kinds: { readonly [name: string]: MaskKind | MaskMixture } = {
  ...Object.fromEntries(lossKinds.mask.map(({ name }) => [name, name as MaskKind])),
  mixture,
};

/** As torchvision's `fastrcnn_loss` has it built in. */
export const box = { beta: 1 / 9 };
export const coco = { rois: 512, classes: 81 };
export const classAndBox = { ...coco, terms: ['class', 'box'] } as const;
export const compact = { ...coco, terms: ['mask'], maskGrad: 'compact' } as const;

/** Halves as mixed precision has them: gradients scaled, or they would vanish; bytes for targets. */
export const half = <D extends 'float16' | 'bfloat16'>(dtype: D) => ({
  sizes: { dtype, maskTargetType: 'uint8' as const },
  options: { gradScale: 1024 },
});

const ofKinds = (what: string, spec: Omit<Case, 'name' | 'options'>): Case[] =>
  Object.entries(kinds).map(([name, kind]) => ({
    ...spec,
    name: `${what}, ${name}`,
    options: { mask: { kind } },
    ...(name === 'mixture' || peerKinds.includes(name) ? {} : { peers: 'none' as const }),
  }));

/**
 * The setting of https://beckythebetts.github.io/PhagoPred/Segmentation/LossFunctions: detectron2, L1 for boxes, a
 * quarter of the RoIs foreground, masks of the foreground alone.
 */
const study = {
  sizes: { rois: 1024, classes: 3, maskSize: [14, 14], maskRois: 256 },
  options: { box: { beta: 0 }, mask: { kind: mixture, weight: 0.3 } },
} as const;

export const mainCases: readonly Case[] = [
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
    sizes: { ...study.sizes, ...half('float16').sizes },
    foreground: 256,
    options: { ...study.options, ...half('float16').options },
    newLabels: true,
    peers: 'torch',
  },
  {
    name: 'noisy-mask study, float32',
    group: 'whole step',
    sizes: study.sizes,
    foreground: 256,
    options: study.options,
    newLabels: true,
  },
  {
    name: 'mask targets from bitmaps',
    group: 'targets',
    sizes: {
      ...{ rois: 128, classes: 2, terms: ['mask'], maskChannels: 1, maskGrad: 'compact' },
      ...{ objects: 16, imageSize: [800, 1333] },
    },
    sides: [32, 400],
    foreground: 128,
    options: { mask: { crop: 'torchvision' } },
    peers: 'torch',
  },
  { name: 'one RoI', group: 'call', sizes: { rois: 1, classes: 81 }, foreground: 1, options: { box } },
];

/** The anchors of an image's feature pyramid, matched by the thresholds of an RPN and of a RoI head. */
export const matchingCases: readonly Case[] = (
  [
    ['matching, RPN', { foreground: 0.7, background: 0.3, lowQuality: true }],
    ['matching, RoI head', {}],
  ] as const
).map(([name, options]) => ({
  name,
  group: 'matching',
  sizes: { rois: 250_000, classes: 2, terms: [] },
  foreground: 0,
  options: {},
  match: { objects: 100, ...options },
  peers: 'torch',
}));

export const maskSizeOf = ({ sizes }: Case): readonly [number, number] => sizes.maskSize ?? [28, 28];
export const termsOf = ({ sizes }: Case) => sizes.terms ?? (['class', 'box', 'mask'] as const);
export const hasGrad = ({ options }: Case) => options.grad !== false;

export const bytesOfType = { float32: 4, float16: 2, bfloat16: 2, uint8: 1 };

/** The least that a step must read and write, in bytes: of boxes and masks the label's channel, unless it rewrites all. */
export function bytesOf(spec: Case): number {
  const { sizes, foreground } = spec;
  // Four coordinates of each; a label, a match and an overlap of a box.
  if (spec.match) return 16 * (sizes.rois + spec.match.objects) + 12 * sizes.rois;
  const { rois, classes, rewrite, maskRois = rois, boxChannels = classes, maskChannels = classes } = sizes;
  const isCompact = sizes.maskGrad === 'compact';
  const [height, width] = maskSizeOf(spec);
  const pixels = height * width;
  const float = bytesOfType[sizes.dtype ?? 'float32'];
  const target = bytesOfType[sizes.maskTargetType ?? 'float32'];
  const grads = hasGrad(spec) ? 1 : 0;
  // Of an object's bitmap its own box is read, in place of a target.
  const { sides: [from, to] = [0, 0] } = spec;
  const targetBytes = spec.sides ? ((from + to) / 2) ** 2 : target * pixels;
  const cleared = spec.newLabels && !isCompact ? foreground * pixels : 0;
  const maskGrad = rewrite
    ? maskRois * (isCompact ? 1 : maskChannels) * pixels
    : foreground * pixels + cleared;
  const boxGrad = 4 * (rewrite ? rois * boxChannels : foreground);
  const of = {
    class: float * rois * classes * (1 + grads),
    box: 4 * 4 * foreground + float * (4 * foreground + grads * boxGrad),
    mask: foreground * (targetBytes + float * pixels) + float * grads * maskGrad,
  };
  return termsOf(spec).reduce((sum, term) => sum + of[term], 4 * rois);
}
