/** The marks of this copy of the package. */
const ownMarks = new Set<unknown>();

/**
 * An own property that cannot be cloned: `postMessage` and `structuredClone` would make a handle without memory, which is of
 * one thread. It also tells handles of another copy of the package, whose memory this one cannot use.
 */
export function ofThisThread(what: string): symbol {
  const mark = Symbol(`a ${what} of roi-loss, which belongs to the thread that made it`);
  ownMarks.add(mark);
  return mark;
}

/** A handle as it should stand in a message; undefined for anything else. */
export function showHandle(value: object): string | undefined {
  const { thread } = value as { thread?: unknown };
  if (typeof thread !== 'symbol') return undefined;
  const [, what] = /^a (\w+) of roi-loss/.exec(thread.description ?? '') ?? [];
  return what && (ownMarks.has(thread) ? `a ${what}` : `a ${what} of another copy of roi-loss`);
}
