import { box, type Case, classAndBox, coco, compact, half, kinds, mainCases } from './cases';

/** Variants of a case, one for each value of what is varied. */
const vary = <T>(values: readonly T[], caseOf: (value: T) => Omit<Case, 'group'>): Case[] =>
  values.map((value) => ({ group: 'variant', peers: 'none', slow: true, ...caseOf(value) }));

const halves = ['float16', 'bfloat16'] as const;

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
  ...vary(halves, (dtype) => ({
    name: `class + box, ${dtype}`,
    sizes: { ...classAndBox, dtype },
    foreground: 128,
    options: { box, ...half(dtype).options },
    peers: 'torch',
  })),
  ...vary(halves, (dtype) => ({
    name: `mask compact, bce, ${dtype}`,
    sizes: { ...compact, ...half(dtype).sizes },
    foreground: 512,
    options: half(dtype).options,
    peers: 'torch',
  })),
  ...vary(halves, (dtype) => ({
    name: `all terms, ${dtype}`,
    sizes: { ...coco, ...half(dtype).sizes },
    foreground: 512,
    options: { box, ...half(dtype).options },
    newLabels: true,
    peers: 'torch',
  })),
  ...vary([true], () => ({
    name: 'class + box, forward only',
    sizes: classAndBox,
    foreground: 128,
    options: { grad: false, box },
    peers: 'torch',
  })),
  ...vary(Object.entries(kinds), ([name, kind]) => ({
    name: `mask compact, ${name}, forward only`,
    sizes: compact,
    foreground: 512,
    options: { grad: false, mask: { kind } },
    peers: 'torch',
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
    peers: 'torch',
  })),
];

/** All terms; class-agnostic masks of the foreground alone, or the logits of the largest were 4 GB. */
const sweepOf = (rois: number, foreground: number, name: string): Omit<Case, 'slow'> => ({
  name,
  group: 'sweep',
  sizes: { rois, classes: 81, maskChannels: 1, maskRois: foreground },
  foreground,
  options: { box },
});

const sweep: readonly Case[] = [1, 4, 16, 64, 256, 1024, 4096, 16384].flatMap((rois): Case[] => [
  {
    ...sweepOf(rois, Math.ceil(rois / 4), `sweep, R = ${rois}`),
    ...([1, 16, 256].includes(rois) ? {} : { slow: true }),
  },
  { ...sweepOf(rois, rois, `sweep, R = F = ${rois}`), peers: 'none', slow: true },
]);

export const cases: readonly Case[] = [...mainCases, ...variants, ...sweep];

/** A quarter of the RoIs foreground: the chart's lines. */
export const isCharted = ({ group, peers }: Case) => group === 'sweep' && peers === undefined;
