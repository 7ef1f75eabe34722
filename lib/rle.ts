// COCO's run lengths of a mask: how many pixels are 0, then how many are 1, and so on, column by column.

/** A character holds five bits of a number, the lowest first, above 48; 32 says that more follow, 16 in the last one is a sign. */
const [firstCharacter, more, sign, bitsEach] = [48, 32, 16, 5];
/** A run of 2^48 pixels has ten characters; more cannot be right. */
const mostCharacters = 10;

/** From the third on, a number is the difference from the run two before. Undefined if the string is none of COCO's. */
function uncompressed(text: string): number[] | undefined {
  const runs: number[] = [];
  let [value, place] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) - firstCharacter;
    if (code < 0 || code >= 2 * more || place === mostCharacters) return undefined;
    value += (code & (more - 1)) * 2 ** (bitsEach * place++);
    if (code & more) continue;
    if (code & sign) value -= 2 ** (bitsEach * place);
    runs.push(value + (runs.length > 2 ? (runs.at(-2) as number) : 0));
    [value, place] = [0, 0];
  }
  return place === 0 ? runs : undefined;
}

/** The run lengths that `counts` says; undefined if they are not whole numbers from 0 on. */
export function readCounts(counts: unknown): readonly number[] | undefined {
  const runs = typeof counts === 'string' ? uncompressed(counts) : counts;
  return Array.isArray(runs) && runs.every((run) => Number.isSafeInteger(run) && run >= 0) ? runs : undefined;
}

/** Sets the pixels of the odd runs in `bits` [height, width], which is zeros; the runs must fill it. */
export function decodeRuns(runs: readonly number[], height: number, width: number, bits: Uint8Array): void {
  let end = 0;
  for (const [i, run] of runs.entries()) {
    const begin = end;
    end += run;
    if (i % 2 === 1)
      for (let pixel = begin; pixel < end; pixel++)
        bits[(pixel % height) * width + Math.floor(pixel / height)] = 1;
  }
}
