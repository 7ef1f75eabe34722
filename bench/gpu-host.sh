#!/usr/bin/env bash
# Packs what a machine with a GPU but without Node, npm or a network lacks, into .gpu-host: Node, the packages that tests and
# benchmarks load, and what is built here. Bring that folder and a checkout there, and run bench/gpu-run.sh.
#
#     bench/gpu-host.sh [--variant NAME=PATH]...
#
# A variant is another build, timed beside this one on the headline cases: the roi-loss.node of another checkout, or a folder of
# images of other kernels, as CMake's ROI_LOSS_IMAGES takes it, which are linked with the host code of this one.
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
  [[ ${2-} =~ ^[A-Za-z0-9_-]+=. ]] || usage
  if ! [[ -f ${2#*=} && $2 == *.node || -d ${2#*=} ]]; then
    echo "--variant ${2%%=*}: '${2#*=}' is neither a .node file nor a folder of images" >&2
    exit 2
  fi
  variants+=("$2")
  shift 2
done

npm run build
if ! compgen -G 'build/Release/images/*.fatbin' > /dev/null || grep -q '^ROI_LOSS_CUDA:BOOL=OFF' build/Release/CMakeCache.txt; then
  echo "this build has no CUDA kernels: they need nvcc 13" >&2
  exit 1
fi
rm -rf "$target"
mkdir -p "$target"

cp "$(node -p process.execPath)" "$target/node"
strip "$target/node"
gzip "$target/node"

node bench/gpu-files.mjs |
  tar -czf "$target/packages.tgz" --exclude='*.map' --exclude='*.d.ts' --exclude='*.md' --files-from=-
tar -czf "$target/build.tgz" dist build/Release/roi-loss.node
bench/gpu-sources.sh > "$target/sources"

for variant in "${variants[@]}"; do
  name=${variant%%=*}
  addon=${variant#*=}
  if [ -d "$addon" ]; then
    npx cmake-js build --out "build/variants/$name" --CDROI_LOSS_IMAGES="$(cd "$addon" && pwd)"
    addon=build/variants/$name/Release/roi-loss.node
  fi
  mkdir -p "$target/variants/$name/build/Release"
  cp "$addon" "$target/variants/$name/build/Release/roi-loss.node"
done

du -sh "$target"
