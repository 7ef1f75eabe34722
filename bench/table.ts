const gap = '  ';

/** A table in lines of at most `width`: columns that do not fit beside the first are put below, the first repeated. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const blocks: number[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (let column = 1; column < header.length; column++) {
    const more = gap.length + widths[column]!;
    if (used + more > width) {
      blocks.push([]);
      used = widths[0]!;
    }
    blocks.at(-1)!.push(column);
    used += more;
  }
  const block = (columns: readonly number[]) =>
    lines
      .map((line) => [
        line[0]!.padEnd(widths[0]!),
        ...columns.map((column) => line[column]!.padStart(widths[column]!)),
      ])
      .map((cells) => cells.join(gap).trimEnd())
      .join('\n');
  return blocks.map(block).join('\n\n');
}

/** Three digits and a unit. */
export function formatTime(microseconds: number): string {
  const [value, unit] = microseconds < 999.5 ? [microseconds, 'µs'] : [microseconds / 1e3, 'ms'];
  return `${formatNumber(value)} ${unit}`;
}

/** With three digits, if it has no more before the point. */
export function formatNumber(value: number): string {
  const digitsBefore = Math.max(1, Math.floor(Math.log10(value)) + 1);
  return value.toFixed(Math.max(0, 3 - digitsBefore));
}
