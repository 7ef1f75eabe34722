/** An object without its undefined properties. */
export function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present: { [key: string]: unknown } = {};
  for (const [key, value] of Object.entries(object)) if (value !== undefined) present[key] = value;
  return present as never;
}
