import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// The package as `require`, `import` and TypeScript see it.

const root = join(__dirname, '..', '..');
// `npm pack`, which tools run, would build dist/ again under the suites that use it.
const env = { ...process.env, npm_config_ignore_scripts: 'true' };
const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', env }).trim();
const tool = (name: string, ...args: string[]) => node(join('node_modules', '.bin', name), ...args);

const names = [
  'Batch Device LossStep Tensor TermStep clipBoxes decodeBoxes devices encodeBoxes fromCoco fusedBoxLoss fusedClassLoss',
  'fusedLoss fusedMaskLoss isRoiLossError matchBoxes nms openDevice sampleRois',
].join(' ');

const test = suite('entries');

test('require gives the public names, and no more', () => {
  assert.is(node('-p', "Object.keys(require('roi-loss')).sort().join(' ')"), names);
});

test('import gives the same objects as require', () => {
  const script = `
    import * as esm from 'roi-loss';
    import { createRequire } from 'node:module';
    const cjs = createRequire(import.meta.url)('roi-loss');
    const same = Object.keys(cjs).every((name) => esm[name] === cjs[name]);
    console.log(same, '${names}'.split(' ').every((name) => name in esm));`;
  assert.is(node('--input-type=module', '-e', script), 'true true');
});

test('roi-loss/tfjs gives one name, the same object either way, without TensorFlow.js', () => {
  const script = `
    import * as esm from 'roi-loss/tfjs';
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const cjs = require('roi-loss/tfjs');
    console.log(Object.keys(cjs), esm.roiLosses === cjs.roiLosses);
    console.log(Object.keys(require.cache).filter((path) => path.includes('@tensorflow')));`;
  assert.is(node('--input-type=module', '-e', script), "[ 'roiLosses' ] true\n[]");
});

test('publint finds nothing', () => {
  assert.match(tool('publint', '--strict'), 'All good');
});

test('arethetypeswrong finds nothing', () => {
  assert.match(tool('attw', '--pack', '.', '--no-color'), 'No problems found');
});

test.run();
