import { bytesOf, checkArray, checkObject, lengthOf, overlap, product, readKeys } from './check';
import { rangeError, typeError } from './errors';
import { termOf } from './inputs';
import { type ArraySpec, gradNames, gradSpecs, type StepShape } from './shape';
import type { TermName } from './terms';
import type { GradName, HostArray } from './types';

// The arrays that a caller has for gradients. Of a gradient of boxes and masks a step writes one channel a RoI, and the rest
// is zeros: what was written to an array is remembered, so that the next call with it clears that and no more.

/** Arrays of the option `out`, by gradient: each with its name in messages. */
export type Out = { readonly [K in GradName]?: { readonly label: string; readonly array: unknown } };

const known = new Set<string>(gradNames);

/** The option `out` of the function of one term, whose gradient is `name`. */
export const outOfTerm = (name: GradName, array: unknown): Out =>
  array === undefined ? {} : { [name]: { label: 'out', array } };

/** The option `out` of all terms. */
export function readOut(out: unknown): Out {
  if (out === undefined) return {};
  checkObject('out', out, `an object of Float32Arrays, { ${gradNames.join(', ')} }`);
  const arrays = readKeys<{ readonly [K in GradName]?: unknown }>('gradient in out', out, known);
  const given = gradNames.filter((name) => arrays[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, { label: `out.${name}`, array: arrays[name] }]));
}

function checkOut(label: string, array: unknown, name: GradName, spec: ArraySpec | undefined): Float32Array {
  checkArray(label, array, 'Float32Array');
  if (!spec)
    throw typeError(
      'ERR_ROI_LOSS_OPTION',
      `${label} is given, but the call computes no gradient of ${name}; expected none`,
    );
  if (lengthOf(array) !== product(spec.shape))
    throw rangeError(
      'ERR_ROI_LOSS_SHAPE',
      `${label} has ${lengthOf(array)} elements; expected ${product(spec.shape)}, the shape [${spec.shape.join(', ')}]`,
    );
  return array as Float32Array;
}

/** The arrays for the gradients of `wanted` terms: the caller's, checked, or new ones. */
export function gradArrays(
  shape: StepShape,
  wanted: (term: TermName) => boolean,
  out: Out,
): { [K in GradName]?: Float32Array } {
  const specs = gradSpecs(shape);
  const grads: { [K in GradName]?: Float32Array } = {};
  for (const name of gradNames) {
    const spec = wanted(termOf(name)) ? specs[name] : undefined;
    const given = out[name];
    if (given) grads[name] = checkOut(given.label, given.array, name, spec);
    else if (spec) grads[name] = new Float32Array(product(spec.shape));
  }
  return grads;
}

/** Throws if an array of `out` shares memory with another one of the step, which reads while it writes. */
export function checkApart(out: Out, ...others: { readonly [name: string]: HostArray | undefined }[]): void {
  const earlier: { [name: string]: HostArray } = {};
  for (const { label, array } of Object.values(out) as { label: string; array: Float32Array }[]) {
    const own = bytesOf(array);
    for (const arrays of [...others, earlier])
      for (const [name, other] of Object.entries(arrays))
        if (other && overlap(own, bytesOf(other)))
          throw typeError(
            'ERR_ROI_LOSS_BUFFER',
            `${label} shares memory with ${name}; expected an array of its own`,
          );
    earlier[label] = array;
  }
}

/** What steps have left in a part of a buffer. */
interface Left {
  readonly begin: number;
  readonly end: number;
  /** Which gradient it is, and how it lies. */
  readonly layout: string;
  /** For each RoI 1 + the channel that was written, or 0. */
  readonly written: Int32Array;
}

/** By buffer, not by array: two arrays may lie over the same memory. */
const left = new WeakMap<ArrayBufferLike, readonly Left[]>();

/** Forgets what was left where `array` lies, unless it is `layout`. Returns that. */
function recall(array: Float32Array, layout: string | undefined): Left | undefined {
  const bytes = bytesOf(array);
  const before = left.get(bytes.buffer);
  if (!before) return undefined;
  const { begin, end } = bytes;
  const same = before.find((other) => other.begin === begin && other.end === end && other.layout === layout);
  if (same) return same;
  left.set(
    bytes.buffer,
    before.filter((other) => !overlap(bytes, { ...bytes, begin: other.begin, end: other.end })),
  );
  return undefined;
}

/** Forgets what steps left in `array`. */
export const forget = (array: Float32Array): void => void recall(array, undefined);

/**
 * What the step before left in a gradient of `rois` RoIs, for the next one to clear and to note what it leaves.
 * An array of which nothing is known is cleared here, unless it is new.
 */
export function writtenTo(array: Float32Array, layout: string, rois: number, isNew: boolean): Int32Array {
  const known = recall(array, layout);
  if (known) return known.written;
  if (!isNew) Float32Array.prototype.fill.call(array, 0);
  const written = new Int32Array(rois);
  const { buffer, begin, end } = bytesOf(array);
  left.set(buffer, [...(left.get(buffer) ?? []), { begin, end, layout, written }]);
  return written;
}
