import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The code of the README and the guide, snippet by snippet. */
export const snippets = ['README.md', join('docs', 'guide.md')].flatMap((file) =>
  [
    ...readFileSync(join(__dirname, '..', '..', file), 'utf8').matchAll(
      /^```(?:[mc]?[jt]s|javascript|typescript)\b[^\n]*\n(.*?)^```$/gms,
    ),
  ].map(([, code]) => code as string),
);
