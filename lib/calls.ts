import { type Calls, leaveOut, type Origin, termOptions, writeBox, writeClass, writeMask } from './options';
import type { StepShape } from './shape';
import type { TermName } from './terms';
import type { FusedLossOptions } from './types';

// The options of a call, of one term or of all, on arrays or on a batch.

/** The names of the options that a term may have. */
export type KnownOptions = { readonly [K in TermName]: ReadonlySet<string> };

const alone: Origin = { prefix: '', shared: undefined };

/** Checks the options of one term and writes them to `call`; the other terms are switched off. */
export function writeOne(call: Float64Array, term: TermName, options: object, shape: StepShape): Calls {
  return {
    class: term === 'class' ? writeClass(call, options, alone, shape) : leaveOut(call, 'class'),
    box: term === 'box' ? writeBox(call, options, alone, shape) : leaveOut(call, 'box'),
    mask: term === 'mask' ? writeMask(call, options, alone, shape) : leaveOut(call, 'mask'),
  };
}

/**
 * Checks the options of all terms and writes them to `call`; those that are not in `shape` are switched off.
 * @param known the options that each term may have among `options`
 */
export function writeAll(
  call: Float64Array,
  options: FusedLossOptions,
  shape: StepShape,
  known: KnownOptions,
): Calls {
  const from = (term: TermName): Origin => ({ prefix: `${term}.`, shared: options });
  const own = {
    class: termOptions(options, 'class', known.class),
    box: termOptions(options, 'box', known.box),
    mask: termOptions(options, 'mask', known.mask),
  };
  return {
    class: writeClass(call, own.class, from('class'), shape),
    box: writeBox(call, own.box, from('box'), shape),
    mask: writeMask(call, own.mask, from('mask'), shape),
  };
}
