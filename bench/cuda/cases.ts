import type { BatchSizes } from 'roi-loss';
import { box, type Case, half } from '../cases';
import { cases as casesOfCpu, isCharted } from '../variants';

// The cases of a GPU: those that the design has targets for, the most telling first, and those of the CPU.

/** How gradients are written: the label's channel into zeros; that alone; every byte. */
const writing: { readonly [name: string]: Partial<BatchSizes> } = {
  sparse: {},
  compact: { maskGrad: 'compact' },
  rewrite: { rewrite: true },
};

/** All terms and bce, in each way of writing. */
const inEachWay = (what: string, spec: Omit<Case, 'name' | 'group' | 'options'>): Case[] =>
  Object.entries(writing).map(([name, how]) => ({
    ...spec,
    name: `${what}, ${name}`,
    group: 'CUDA',
    sizes: { ...spec.sizes, ...how },
    options: { box },
    ...(name === 'sparse' ? { newLabels: true } : {}),
  }));

const targeted: readonly Case[] = [
  // Compact gradients are not what PyTorch's autograd gives of these logits.
  ...inEachWay('R = 512, F = 128', {
    sizes: { rois: 512, classes: 91, maskRois: 128 },
    foreground: 128,
  }).map((spec) => (spec.sizes.maskGrad ? { ...spec, peers: 'none' as const } : spec)),
  ...inEachWay('R = F = 512', { sizes: { rois: 512, classes: 81 }, foreground: 512, peers: 'none' }),
  ...inEachWay('R = F = 4096', {
    sizes: { rois: 4096, classes: 81 },
    foreground: 4096,
    peers: 'none',
  }),
  ...(['float16', 'bfloat16'] as const).map(
    (dtype): Case => ({
      name: `R = F = 4096, compact, ${dtype}`,
      group: 'CUDA',
      sizes: { rois: 4096, classes: 81, maskGrad: 'compact', ...half(dtype).sizes },
      foreground: 4096,
      options: { box, ...half(dtype).options },
      peers: 'none',
      slow: true,
    }),
  ),
];

/** Compiling for them takes PyTorch half a minute each. */
const withPeers = new Set([
  'class',
  'mask compact, mixture',
  'noisy-mask study',
  'mask compact, bce, float16',
  'mask compact, bce, bfloat16',
  'mask compact, bce, forward only',
]);

/** Names that the table above has, and what is always so on a GPU: cold. */
const isOfCpuAlone = ({ name, group, cold }: Case) =>
  cold || group === 'call' || name === 'all terms' || name === 'torchvision default';

const others: readonly Case[] = casesOfCpu
  .filter((spec) => !isOfCpuAlone(spec))
  .map(({ peers: _, ...spec }) => ({
    ...spec,
    ...(withPeers.has(spec.name) ? {} : { peers: isCharted(spec as Case) ? undefined : 'none' }),
  })) as readonly Case[];

export const cudaCases: readonly Case[] = [...targeted, ...others];

/** The same in a few steps of an interpreter. */
export function tiny(spec: Case): Case {
  const { sizes } = spec;
  const rois = Math.min(sizes.rois, 6);
  const foreground = Math.min(spec.foreground, spec.foreground < sizes.rois ? 3 : 6);
  const maskRois = sizes.maskRois === undefined ? {} : { maskRois: Math.min(sizes.maskRois, foreground) };
  return {
    ...spec,
    foreground,
    sizes: { ...sizes, ...maskRois, rois, classes: Math.min(sizes.classes, 4), maskSize: [4, 5] },
  };
}
