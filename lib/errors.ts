import { types } from 'node:util';
import { showHandle } from './handles';

/** The stable codes of errors that this package throws. */
export type ErrorCode =
  /** Something is not the object or typed array that it should be. */
  | 'ERR_ROI_LOSS_TYPE'
  /** A typed array or tensor of the wrong element type. */
  | 'ERR_ROI_LOSS_DTYPE'
  /** A wrong length or rank, sizes that do not agree, are no sizes, or overflow. */
  | 'ERR_ROI_LOSS_SHAPE'
  /** A label that is neither −1 nor a class. */
  | 'ERR_ROI_LOSS_LABEL'
  /** A mask target or probability that is not from 0 to 1; an annotation, match, proposal, polygon or score that is not right. */
  | 'ERR_ROI_LOSS_VALUE'
  /** An unknown option, or a value that an option cannot have. */
  | 'ERR_ROI_LOSS_OPTION'
  /** An array over a buffer that is detached, resizable or shared. */
  | 'ERR_ROI_LOSS_BUFFER'
  /** Use after `dispose()`. */
  | 'ERR_ROI_LOSS_DISPOSED'
  /** A device that is unknown or not usable here. */
  | 'ERR_ROI_LOSS_DEVICE'
  /** What a step left has been overwritten by a later one. */
  | 'ERR_ROI_LOSS_STALE'
  /** What cannot be done while steps are captured in a graph, or what a captured step does not have. */
  | 'ERR_ROI_LOSS_CAPTURE'
  /** A gradient that there is not: of a loss computed without, or a second derivative. */
  | 'ERR_ROI_LOSS_GRADIENT'
  /** Out of memory on the device. */
  | 'ERR_ROI_LOSS_MEMORY'
  /** The native addon could not be loaded. */
  | 'ERR_ROI_LOSS_NATIVE';

/** An error of this package: a `TypeError`, `RangeError` or `Error` with a stable `code`. */
export type RoiLossError = Error & { readonly code: ErrorCode };

/**
 * Whether `error` is one of this package, whichever copy of it or realm (Jest, `vm`) it comes from:
 * `catch (error) { if (isRoiLossError(error)) console.log(error.code); }`
 */
export function isRoiLossError(error: unknown): error is RoiLossError {
  return (
    types.isNativeError(error) && String((error as Partial<RoiLossError>).code).startsWith('ERR_ROI_LOSS_')
  );
}

function withCode(error: Error, code: ErrorCode): RoiLossError {
  return Object.assign(error, { code });
}

export const typeError = (code: ErrorCode, message: string) => withCode(new TypeError(message), code);
export const rangeError = (code: ErrorCode, message: string) => withCode(new RangeError(message), code);
export const plainError = (code: ErrorCode, message: string, cause?: unknown) =>
  withCode(new Error(message, { cause }), code);

const classes = { Error, TypeError, RangeError };

/** The same error with the class of this realm, if it has that of another one. */
function ofThisRealm(error: unknown): unknown {
  if (!isRoiLossError(error) || error instanceof Error) return error;
  const { name, message, code, stack = message } = error;
  const own = new (classes[name as keyof typeof classes] ?? Error)(message);
  Object.defineProperty(own, 'stack', { value: stack, configurable: true, writable: true });
  return withCode(own, code);
}

/**
 * Calls native code. Its errors have the classes of Node's main realm and would fail `instanceof` in a realm of its own,
 * as each test file has under Jest and vitest's `vmThreads`: they are thrown with the classes of this one.
 */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw ofThisRealm(error);
  }
}

/** A class's name, after `an` or `a`. */
export const withArticle = (name: string) => `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;

/** A value as it should stand in a message: short, whatever it is. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) {
    // Not deeper: an array may hold itself.
    const first = Array.from({ length: Math.min(value.length, 6) }, (_, i) =>
      Array.isArray(value[i]) ? '[…]' : show(value[i]),
    );
    return `[${first.join(', ')}${value.length > 6 ? ', …' : ''}]`;
  }
  const handle = showHandle(value);
  if (handle) return handle;
  const type = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (types.isTypedArray(value)) return Buffer.isBuffer(value) ? 'a Buffer' : withArticle(type);
  return `an object of type ${type}`;
}
