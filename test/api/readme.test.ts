import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { snippets } from '../support/readme';

// Each snippet of the README runs as it stands there, as a module in a project that has the package.

const root = join(__dirname, '..', '..');
const folder = join(root, 'build', 'readme');
mkdirSync(folder, { recursive: true });

const test = suite('README');

test('has snippets', () => assert.ok(snippets.length > 0));

for (const [i, code] of snippets.entries())
  test(`snippet ${i + 1} runs`, () => {
    const file = join(folder, `snippet-${i + 1}.mts`);
    writeFileSync(file, code);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.is(status, 0, stderr);
    assert.ok(stdout.length > 0 && !stdout.includes('NaN'), stdout);
  });

test.run();
