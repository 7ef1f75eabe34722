import type { BatchSizes, FusedLossOptions, MaskKind, MaskMixture } from 'roi-loss';

// What is measured: one table, from which follow the inputs, the bytes and how every contender is run.

export type Group = 'class and box' | 'mask compact' | 'mask dense' | 'whole step' | 'call';

export interface Case {
  readonly name: string;
  /** Cases that the same targets are for. */
  readonly group: Group;
  /** What `device.batch` takes. */
  readonly sizes: BatchSizes;
  /** RoIs with a label above 0; they come first. Every RoI that has a mask is one of them. */
  readonly foreground: number;
  /** What `fusedLoss` takes. */
  readonly options: FusedLossOptions;
  /** New labels every step, as in training, or sparse writing would never have to clear a channel. */
  readonly newLabels?: true;
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

const ofKinds = (spec: Omit<Case, 'name' | 'options'>): Case[] =>
  Object.entries(kinds).map(([name, kind]) => ({
    ...spec,
    name: `${spec.group}, ${name}`,
    options: { mask: { kind } },
  }));

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
  ...ofKinds({
    group: 'mask compact',
    sizes: { ...coco, terms: ['mask'], maskGrad: 'compact' },
    foreground: 512,
  }),
  ...ofKinds({ group: 'mask dense', sizes: { ...coco, terms: ['mask'] }, foreground: 512, newLabels: true }),
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
];

export const maskSizeOf = ({ sizes }: Case): readonly [number, number] => sizes.maskSize ?? [28, 28];
export const termsOf = ({ sizes }: Case) => sizes.terms ?? (['class', 'box', 'mask'] as const);

/** The least that a step must read and write, in bytes: of boxes and masks the label's channel alone. */
export function bytesOf(spec: Case): number {
  const { rois, classes } = spec.sizes;
  const [height, width] = maskSizeOf(spec);
  const terms = termsOf(spec);
  const floats =
    (terms.includes('class') ? 2 * rois * classes : 0) +
    (terms.includes('box') ? 3 * spec.foreground * 4 : 0) +
    (terms.includes('mask') ? (spec.newLabels ? 4 : 3) * spec.foreground * height * width : 0);
  return 4 * (rois + floats);
}
