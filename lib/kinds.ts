import type { TermName } from './terms';
import type { MaskKind } from './types';

/**
 * The options that each kind of a term's loss takes beside those of the term; for the class loss the kinds are its inputs.
 * The only list: a new mask loss has a line here.
 */
export const kindOptions = {
  class: { classLogits: [], classProbs: ['eps'] },
  box: { 'smooth-l1': ['beta'] },
  mask: { bce: [], dice: ['eps'], 'smoothed-bce': ['smoothing'] },
} as const satisfies { readonly [T in TermName]: { readonly [kind: string]: readonly string[] } } & {
  readonly mask: { readonly [K in MaskKind]: readonly string[] };
};

/** The options of a term's kinds, and the kinds that take each. */
function kindsByOption(term: TermName): readonly (readonly [option: string, kinds: readonly string[]])[] {
  const kinds: [string, readonly string[]][] = Object.entries(kindOptions[term]);
  const options = new Set(kinds.flatMap(([, options]) => options));
  return [...options].map((option) => [
    option,
    kinds.flatMap(([kind, options]) => (options.includes(option) ? [kind] : [])),
  ]);
}

/** For each term its kinds' options, and the kinds that take each. */
export const optionKinds = {
  class: kindsByOption('class'),
  box: kindsByOption('box'),
  mask: kindsByOption('mask'),
};
