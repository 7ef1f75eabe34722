import { checkKeys, checkObject } from './check';
import { rangeError, show, typeError } from './errors';
import { type Kind, kinds, optionKinds } from './kinds';
import { notNegative, within } from './numbers';
import type { TermName } from './terms';

// The kinds of a term's loss and their own options, checked and written into the row of numbers that native code reads.

/** Of an option that nothing chosen takes. */
export const notTaken = (
  prefix: string,
  option: string,
  takers: readonly string[],
  chosen: readonly string[],
) =>
  typeError(
    'ERR_ROI_LOSS_OPTION',
    `${prefix}${option} is an option of ${takers.map(show).join(', ')}; expected none with ${chosen.map(show).join(', ')}`,
  );

/** Throws on an option that none of the chosen kinds takes. */
export function checkKindOptions(
  term: TermName,
  options: object,
  prefix: string,
  chosen: readonly string[],
): void {
  for (const [option, takers] of optionKinds[term]) {
    if (options[option as keyof typeof options] === undefined) continue;
    if (!chosen.some((kind) => takers.includes(kind))) throw notTaken(prefix, option, takers, chosen);
  }
}

/** Options as they come, and the prefix of their names in messages. */
interface Given {
  readonly options: object;
  readonly prefix: string;
}

/** Writes the values of a chosen kind's options: those given first, or else the defaults. */
function writeKindOptions(call: Float64Array, kind: Kind, ...given: readonly Given[]): void {
  for (const { name, standard, least, most, slot } of kind.options) {
    call[slot] = standard;
    for (const { options, prefix } of given) {
      const value: unknown = options[name as keyof typeof options];
      if (value === undefined) continue;
      call[slot] = within(prefix, name, value, least, most);
      break;
    }
  }
}

/** Writes the kind of a loss that has one, and the values of its options. Returns the kinds that are named. */
export function writeKind(
  call: Float64Array,
  term: TermName,
  options: { readonly kind?: unknown },
  prefix: string,
): readonly string[] {
  const all = kinds[term];
  const kind = checkKindName(term, options.kind, prefix);
  for (const { slot } of all) call[slot] = 0;
  call[kind.slot] = 1;
  writeKindOptions(call, kind, { options, prefix });
  return [kind.name];
}

const namesOf = (term: TermName) => kinds[term].map(({ name }) => show(name)).join(', ');

function checkKindName(term: TermName, kind: unknown, prefix: string): Kind {
  const found = kind === undefined ? kinds[term][0] : kinds[term].find(({ name }) => name === kind);
  if (found) return found;
  throw rangeError(
    'ERR_ROI_LOSS_OPTION',
    `${prefix}kind is ${show(kind)}; expected ${namesOf(term)}${term === 'mask' ? ', or a weight for each' : ''}`,
  );
}

/** Writes a kind's weight, and its own options where they come with it. Returns the weight. */
function writeShare(call: Float64Array, kind: Kind, share: unknown, shared: Given): number {
  const { slot, name } = kind;
  if (typeof share !== 'object') {
    writeKindOptions(call, kind, shared);
    call[slot] = notNegative(`${shared.prefix}kind`, `['${name}']`, share);
  } else {
    const own = `${shared.prefix}kind['${name}']`;
    checkObject(own, share, 'a weight, or { weight } and options');
    checkKeys(`option of ${own}`, share, new Set(['weight', ...kind.options.map((option) => option.name)]));
    writeKindOptions(call, kind, { options: share, prefix: `${own}.` }, shared);
    call[slot] = notNegative(`${own}.`, 'weight', (share as { readonly weight?: unknown }).weight);
  }
  return call[slot];
}

/** Writes a mixture. Returns the kinds that are named, those of weight 0 too. */
export function writeMixture(call: Float64Array, mixture: object, given: Given): readonly string[] {
  const name = `${given.prefix}kind`;
  for (const { slot } of kinds.mask) call[slot] = 0;
  const shares = Object.entries(mixture).filter(([, share]) => share !== undefined);
  let sum = 0;
  for (const [key, share] of shares) {
    const kind = kinds.mask.find((kind) => kind.name === key);
    if (!kind)
      throw rangeError(
        'ERR_ROI_LOSS_OPTION',
        `${name} has the key ${show(key)}; expected ${namesOf('mask')}`,
      );
    sum += writeShare(call, kind, share, given);
  }
  if (sum === 0)
    throw rangeError(
      'ERR_ROI_LOSS_OPTION',
      `${name} has no weight above 0; expected one of ${namesOf('mask')}`,
    );
  return shares.map(([key]) => key);
}
