// Boxes as test/fixtures/make_matching.py draws them, and the checksums that it keeps.

/** Marsaglia's xorshift32. */
export class Xorshift {
  constructor(private state: number) {}

  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }
  below(n: number): number {
    return this.next() % n;
  }
  fraction(): number {
    return (this.next() >>> 8) / 2 ** 24;
  }
}

type Box = readonly [number, number, number, number];

function drawBox(random: Xorshift, kind: number, others: readonly Box[]): Box {
  if (kind === 2 && others.length > 0)
    return others[random.below(others.length)]!.map((x) => x + (random.below(17) - 8) / 4) as unknown as Box;
  if (kind === 3 && others.length > 0 && random.below(2)) return others[random.below(others.length)]!;
  if (kind === 1) {
    const [x, y] = [random.fraction() * 128, random.fraction() * 128];
    return [x, y, x + random.fraction() * 64, y + random.fraction() * 64];
  }
  const [x, y] = [random.below(12), random.below(12)];
  return [x, y, x + random.below(10) - 1, y + random.below(10) - 1];
}

/**
 * @param kind 0: on a grid, with many ties, some without an area, some inside out; 1: anywhere; 2: near others; 3: as 0, many of
 * them the same
 */
export function drawBoxes(random: Xorshift, kind: number, count: number, others: readonly Box[] = []): Box[] {
  const drawn: Box[] = [];
  for (let i = 0; i < count; i++) drawn.push(drawBox(random, kind, [...others, ...drawn]));
  return drawn;
}

export const flat = (boxes: readonly Box[]) => Float32Array.from(boxes.flat());

/** FNV-1a over 32-bit words. */
export class Checksum {
  #value = 0x811c9dc5;

  add(words: Iterable<number>): this {
    for (const word of words) this.#value = Math.imul(this.#value ^ word, 16777619);
    return this;
  }
  get value(): number {
    return this.#value >>> 0;
  }
}

/** The bits of floats; every NaN is the same, and so is every zero. */
export function bitsOf(array: Float32Array): Uint32Array {
  return new Uint32Array(array.map((x) => (Number.isNaN(x) ? Number.NaN : x + 0)).buffer);
}
