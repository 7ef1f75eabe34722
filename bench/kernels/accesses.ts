/** Loads and stores of a kernel as they stand in its code: each counts once, however often it runs. */
export interface Accesses {
  /** Loads from global memory by the bytes that a thread takes at once. */
  readonly loads: ReadonlyMap<number, number>;
  /** Stores to global memory likewise. */
  readonly stores: ReadonlyMap<number, number>;
  /** Loads and stores of local memory: arrays, and in SASS spilled registers too. */
  readonly local: number;
}

interface Language {
  /** Stands before a kernel's code and holds its name. */
  readonly kernel: RegExp;
  readonly access: RegExp;
  readonly bitsOf: (modifiers: string) => number;
}

const languages = {
  /** What nvcc hands to ptxas, which still puts accesses together and takes them apart. */
  PTX: {
    kernel: /\.entry\s+(\w+)/,
    access: /\b(?<kind>ld|st)\.(?:[\w:]+\.)*?(?<space>global|local)\.(?<modifiers>[\w:.]+)/g,
    bitsOf: (modifiers) => {
      const [, elements = 1, bits] = /(?:\bv(\d)\.)?[bfsu](\d+)$/.exec(modifiers)!;
      return Number(elements) * Number(bits);
    },
  },
  /** What the GPU runs, as `cuobjdump -sass` prints it. */
  SASS: {
    kernel: /\bFunction : (\w+)/,
    access: /\b(?<kind>LD|ST)(?<space>[GL])\b(?<modifiers>[\w.]*)/g,
    bitsOf: (modifiers) => Number(/\.[SU]?(8|16|64|128|256)\b/.exec(modifiers)?.[1] ?? 32),
  },
} satisfies Record<string, Language>;

export type LanguageName = keyof typeof languages;

function accessesOf(code: string, { access, bitsOf }: Language): Accesses {
  const [loads, stores] = [new Map<number, number>(), new Map<number, number>()];
  let local = 0;
  for (const { groups } of code.matchAll(access)) {
    const { kind, space, modifiers } = groups as { kind: string; space: string; modifiers: string };
    if (space.toLowerCase().startsWith('l')) {
      local++;
      continue;
    }
    const counts = kind.toLowerCase() === 'ld' ? loads : stores;
    const bytes = bitsOf(modifiers) / 8;
    counts.set(bytes, (counts.get(bytes) ?? 0) + 1);
  }
  return { loads, stores, local };
}

/** The accesses of each kernel in `code`. */
export function findAccesses(code: string, name: LanguageName): Map<string, Accesses> {
  const language = languages[name];
  const [, ...parts] = code.split(language.kernel);
  const found = new Map<string, Accesses>();
  for (let i = 0; i < parts.length; i += 2) found.set(parts[i]!, accessesOf(parts[i + 1]!, language));
  return found;
}
