#!/usr/bin/env bash
# Packs what a machine with a GPU but without Node, npm or a network lacks, into .gpu-host: Node, the packages that tests and
# benchmarks need, and what is built here. Bring that folder and a checkout there, and run bench/gpu-run.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.gpu-host

npm run build
rm -rf "$target"
mkdir -p "$target"

cp "$(node -p process.execPath)" "$target/node"
strip "$target/node"
xz -T0 -3 "$target/node"

# The packages that tests and benchmarks import, with what these import in turn.
packages=$(node -e "
  const { readFileSync, existsSync } = require('node:fs');
  const found = new Set();
  const visit = (name) => {
    const file = 'node_modules/' + name + '/package.json';
    if (found.has(name) || !existsSync(file)) return;
    found.add(name);
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(file, 'utf8'));
    Object.keys({ ...dependencies, ...optionalDependencies }).forEach(visit);
  };
  ['tsx', 'uvu', 'fast-check', 'cli-progress', 'node-gyp-build'].forEach(visit);
  console.log([...found].map((name) => 'node_modules/' + name).join('\n'));
")
# shellcheck disable=SC2086 # a list of words
tar -cJf "$target/packages.tar.xz" $packages
tar -cJf "$target/build.tar.xz" dist build/Release/roi-loss.node build/Release/images
du -sh "$target"
