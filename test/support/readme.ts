import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The code of the README, snippet by snippet. */
export const snippets = [
  ...readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8').matchAll(
    /^```(?:[mc]?[jt]s|javascript|typescript)\b[^\n]*\n(.*?)^```$/gms,
  ),
].map(([, code]) => code as string);
