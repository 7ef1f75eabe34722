import { styleText } from 'node:util';

/** Colours on a terminal alone; the terminal minds NO_COLOR. */
export function paint(color: 'green' | 'red' | 'yellow', text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(color, text) : text;
}

/** A line of a table; the last cell is as wide as it is. */
export const line = (widths: readonly number[], cells: readonly string[]) =>
  cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');

export const printJson = (value: unknown) => console.log(JSON.stringify(value, undefined, 2));
