#!/usr/bin/env bash
# Packs what a machine with a GPU but without Node, npm or a network lacks, into .gpu-host: Node, the packages that tests and
# benchmarks load, and what is built here. Bring that folder and a checkout there, and run bench/gpu-run.sh.
#
#     bench/gpu-host.sh [--variant NAME=FILE]...
#
# A variant is another build, timed beside this one on the headline cases: the roi-loss.node of another checkout, or a
# .fatbin of other kernels, which is linked with the host code of this one.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.gpu-host

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

variants=()
while [ $# -gt 0 ]; do
  [ "$1" = --variant ] || usage
  [[ ${2-} =~ ^[A-Za-z0-9_-]+=.+\.(node|fatbin)$ ]] || usage
  if [ ! -f "${2#*=}" ]; then
    echo "--variant ${2%%=*}: there is no file ${2#*=}" >&2
    exit 2
  fi
  variants+=("$2")
  shift 2
done

npm run build
rm -rf "$target"
mkdir -p "$target"

cp "$(node -p process.execPath)" "$target/node"
strip "$target/node"
gzip "$target/node"

# The packages that tests and benchmarks import, with what these import in turn. TensorFlow.js comes in ten versions of
# itself: of it the files that Node loads, and its WebAssembly.
packages=$(node -e "
  const { readFileSync, existsSync } = require('node:fs');
  const { relative } = require('node:path');
  const found = new Set();
  const visit = (name) => {
    const file = 'node_modules/' + name + '/package.json';
    if (found.has(name) || !existsSync(file)) return;
    found.add(name);
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(file, 'utf8'));
    Object.keys({ ...dependencies, ...optionalDependencies }).forEach(visit);
  };
  ['tsx', 'uvu', 'fast-check', 'cli-progress', 'node-gyp-build'].forEach(visit);

  require('@tensorflow/tfjs');
  require('@tensorflow/tfjs-backend-wasm');
  const loaded = Object.keys(require.cache).map((file) => relative('.', file));
  const folders = new Set(loaded.map((file) => /^node_modules\/(@[^/]+\/)?[^/]+/.exec(file)[0]));
  const manifests = [...folders].map((folder) => folder + '/package.json');
  console.log([...[...found].map((name) => 'node_modules/' + name), ...loaded, ...manifests].join('\n'));
")
# shellcheck disable=SC2086 # a list of words
tar -czf "$target/packages.tgz" --exclude='*.map' --exclude='*.d.ts' --exclude='*.md' \
  $packages node_modules/@tensorflow/tfjs-backend-wasm/dist/*.wasm
tar -czf "$target/build.tgz" dist build/Release/roi-loss.node

for variant in "${variants[@]}"; do
  name=${variant%%=*}
  addon=${variant#*=}
  if [[ $addon == *.fatbin ]]; then
    images=build/variants/$name/images
    rm -rf "$images"
    cp -r build/Release/images "$images" 2> /dev/null || mkdir -p "$images" # what the fatbin does not replace
    cp "$addon" "$images/step.fatbin"
    npx cmake-js build --out "build/variants/$name" --CDROI_LOSS_IMAGES="$PWD/$images"
    addon=build/variants/$name/roi-loss.node
  fi
  mkdir -p "$target/variants/$name/build/Release"
  cp "$addon" "$target/variants/$name/build/Release/roi-loss.node"
done

du -sh "$target"
