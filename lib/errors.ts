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

function withCode(error: Error, code: ErrorCode): RoiLossError {
  return Object.assign(error, { code });
}

export const typeError = (code: ErrorCode, message: string) => withCode(new TypeError(message), code);
export const rangeError = (code: ErrorCode, message: string) => withCode(new RangeError(message), code);
export const plainError = (code: ErrorCode, message: string, cause?: unknown) =>
  withCode(new Error(message, { cause }), code);

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
  return Object.prototype.toString.call(value).replace(/^\[object (.*)\]$/, 'an object of type $1');
}
