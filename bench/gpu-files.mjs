// Prints what bench/gpu-host.sh packs of node_modules: the packages that tests and benchmarks import, with what these import in
// turn. TensorFlow.js comes in ten versions of itself: of it the files that Node loads, and its WebAssembly.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const packages = new Set();
function visit(name) {
  const manifest = `node_modules/${name}/package.json`;
  // An optional dependency may be that of another platform.
  if (packages.has(name) || !existsSync(manifest)) return;
  packages.add(name);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(manifest, 'utf8'));
  Object.keys({ ...dependencies, ...optionalDependencies }).forEach(visit);
}
['tsx', 'uvu', 'fast-check', 'cli-progress', 'node-gyp-build'].forEach(visit);

require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm');
const loaded = Object.keys(require.cache).map((file) => file.slice(file.indexOf('node_modules')));
const folders = new Set(loaded.map((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)[0]));
const wasm = 'node_modules/@tensorflow/tfjs-backend-wasm/dist';

for (const line of [
  ...[...packages].map((name) => `node_modules/${name}`),
  ...loaded,
  ...[...folders].map((folder) => `${folder}/package.json`),
  ...readdirSync(wasm)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => `${wasm}/${name}`),
])
  console.log(line);
