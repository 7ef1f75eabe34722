/** What is being done, on one line of the terminal that the next call overwrites. Nothing where stderr is a file. */
export function showPhase(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text && `${text}…`}`);
}

/** Prints a table: the first column to the left, numbers to the right. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  for (const row of [header, ...rows])
    console.log(row.map((cell, i) => (i ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('   '));
  console.log();
}

/** A square picture: for each of its pixels a colour of the terminal's 256. */
export type Picture = readonly number[];

/** From black to white: `values` in [0, 1]. */
export function grey(values: ArrayLike<number>): Picture {
  return Array.from(values, (value) => 232 + Math.round(23 * Math.min(1, Math.max(0, value))));
}

/** Red above zero, blue below, black at zero. */
export function redBlue(values: ArrayLike<number>): Picture {
  const largest = Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(values, (value) => {
    const strength = Math.round((5 * Math.abs(value)) / (largest || 1));
    return value > 0 ? 16 + 36 * strength : 16 + strength + 6 * Math.floor(strength / 2);
  });
}

const gap = 3;

/** Prints pictures of size×size pixels side by side, each under its title, where the terminal has room and colours. */
export function printPictures(size: number, pictures: Readonly<Record<string, Picture>>): void {
  const titles = Object.keys(pictures);
  const { isTTY, columns } = process.stdout;
  if (!isTTY || columns < titles.length * (size + gap) || process.stdout.getColorDepth() < 8) return;
  const space = ' '.repeat(gap);
  console.log(titles.map((title) => title.padEnd(size)).join(space));
  // A cell shows two pixels, one above the other: the upper half block in one colour on a ground of the other.
  for (let row = 0; row < size; row += 2) {
    const line = (picture: Picture) =>
      Array.from({ length: size }, (_, x) => {
        const [upper, lower] = [picture[row * size + x]!, picture[(row + 1) * size + x]!];
        return `\x1b[38;5;${upper};48;5;${lower}m▀`;
      }).join('');
    console.log(
      Object.values(pictures)
        .map((picture) => `${line(picture)}\x1b[0m`)
        .join(space),
    );
  }
  console.log();
}
