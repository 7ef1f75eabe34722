import type { MaskKind, MaskLossOptions, MaskMixture } from 'roi-loss';
import { type KindOption, kinds, optionKinds } from '../../lib/kinds';
import { sharesOf } from '../../lib/reference/mask';

// The kinds that suites walk along: those that native code has.

export const maskKinds = kinds.mask.map(({ name }) => name) as readonly MaskKind[];

/** All mask losses in one pass. */
export const maskMixture: MaskMixture = Object.fromEntries(
  maskKinds.map((name, i) => [name, 0.2 + 0.1 * (i + 1)]),
);

/** Each mask loss by itself, a mixture, and all of them. */
export const maskLosses: readonly (MaskKind | MaskMixture)[] = [
  ...maskKinds,
  { dice: 0.5, 'smoothed-bce': 0.5 },
  maskMixture,
];

export const nameOf = (kind: unknown) => (typeof kind === 'string' ? kind : JSON.stringify(kind));

/** The options of a mask loss alone. */
export const maskOptions = (kind: MaskKind): readonly KindOption[] =>
  kinds.mask.find(({ name }) => name === kind)?.options ?? [];

/** The options without those that the kinds do not take. */
export function maskOptionsOf(options: MaskLossOptions): MaskLossOptions {
  const chosen = sharesOf(options).map(({ name }) => name as string);
  const takers = new Map(optionKinds.mask);
  return Object.fromEntries(
    Object.entries(options).filter(([option]) => {
      const kinds = takers.get(option);
      return !kinds || kinds.some((kind) => chosen.includes(kind));
    }),
  );
}
