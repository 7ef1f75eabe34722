import { slotOf } from './call';
import { native } from './native';
import type { TermName } from './terms';

// The kinds of each term's loss and the options that each has beside those of the term, as native/formulas lists them.

/** An option of a kind: its default, its range, and where its value lies among the numbers of a call. */
export interface KindOption {
  readonly name: string;
  readonly standard: number;
  readonly least: number;
  readonly most: number;
  readonly slot: number;
}

export interface Kind {
  readonly name: string;
  readonly options: readonly KindOption[];
  /** Where its weight lies. */
  readonly slot: number;
}

const kindsOf = (term: TermName): readonly Kind[] =>
  native.kinds[term].map(({ name, options }) => ({
    name,
    slot: slotOf(`${term}.${name}`),
    options: options.map((option) => ({ ...option, slot: slotOf(`${term}.${name}.${option.name}`) })),
  }));

/** In the order of the lists: the first is the default. */
export const kinds = { class: kindsOf('class'), box: kindsOf('box'), mask: kindsOf('mask') };

/** The options of a term's kinds, and the kinds that take each. */
function kindsByOption(term: TermName): readonly (readonly [option: string, kinds: readonly string[]])[] {
  const all = kinds[term];
  const options = new Set(all.flatMap(({ options }) => options.map(({ name }) => name)));
  return [...options].map((option) => [
    option,
    all.flatMap(({ name, options }) => (options.some((own) => own.name === option) ? [name] : [])),
  ]);
}

/** For each term its kinds' options, and the kinds that take each. */
export const optionKinds = {
  class: kindsByOption('class'),
  box: kindsByOption('box'),
  mask: kindsByOption('mask'),
};
