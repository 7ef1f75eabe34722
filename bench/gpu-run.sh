#!/usr/bin/env bash
# On a machine with a GPU: unpacks .gpu-host, made by bench/gpu-host.sh, and runs everything there is to run on a GPU: the
# suites on the real driver, compute-sanitizer's four tools, the benchmarks. Logs go to $OUT, or to gpu-results. Ends with a
# line for each part; exits 1 if one failed.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-gpu-results}
mkdir -p "$out" .gpu-host/bin
[ -x .gpu-host/bin/node ] || { xz -dc .gpu-host/node.xz > .gpu-host/bin/node && chmod +x .gpu-host/bin/node; }
tar -xJf .gpu-host/packages.tar.xz
tar -xJf .gpu-host/build.tar.xz
export PATH="$PWD/.gpu-host/bin:$PATH"

summary=()
failed=0
part() {
  local name=$1
  shift
  if "$@" > "$out/$name.log" 2>&1; then
    summary+=("$name: $(tail -n 1 "$out/$name.log")")
  else
    summary+=("$name: FAILED, $(tail -n 1 "$out/$name.log")")
    failed=1
  fi
}
# One suite in the sanitizer's hands: a finding is an exit code of its own.
sanitize() {
  local tool=$1 suite=$2
  ROI_LOSS_TEST_DEVICE=cuda ROI_LOSS_TEST_DEVICE_NAME='cuda (GPU)' \
    compute-sanitizer --tool "$tool" --error-exitcode 9 node --import tsx --expose-gc "test/$suite.test.ts"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$out/gpu.txt"
part devices node -e "console.log(JSON.stringify(require('roi-loss').devices()))"
part suites node --import tsx test/run.ts --devices gpu
if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do part "$tool" sanitize "$tool" golden; done
  part memcheck-shapes sanitize memcheck cuda-shapes
else
  summary+=('compute-sanitizer: skipped, not found')
fi
part bench node --import tsx --expose-gc bench/main.ts --json "$out/bench.json"

printf '%s\n' "${summary[@]}"
exit "$failed"
