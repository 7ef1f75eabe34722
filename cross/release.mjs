// `npm run release:check`: whether package.json and CHANGELOG.md are fit to be published; CONTRIBUTING.md says when.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.argv[2] ?? join(import.meta.dirname, '..');
const read = (name) => readFileSync(join(root, name), 'utf8');
const manifest = JSON.parse(read('package.json'));
const isUrl = (value) => URL.canParse(typeof value === 'object' ? value?.url : value);

const faults = [
  // What only the owner of the package knows. npm's provenance compares the repository with where it was built.
  ...['repository', 'homepage', 'bugs'].flatMap((field) => {
    const value = manifest[field];
    if (isUrl(value)) return [];
    return `package.json: ${field} is ${JSON.stringify(value) ?? 'missing'}; expected an address`;
  }),
  ...(read('CHANGELOG.md').includes(`\n## [${manifest.version}]`)
    ? []
    : [`CHANGELOG.md has no section for ${manifest.version}`]),
];
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log(`${manifest.name} ${manifest.version} can be published`);
