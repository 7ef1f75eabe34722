#!/usr/bin/env bash
# Prints a checksum of what the build is made of, so that bench/gpu-run.sh can tell whether .gpu-host was packed from this checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
find lib native CMakeLists.txt package.json -type f | LC_ALL=C sort | xargs cksum | cksum
