#!/usr/bin/env bash
# On a machine with a GPU: unpacks .gpu-host, made by bench/gpu-host.sh, and runs everything there is to run on a GPU, in
# less than ten minutes: the suites on the real driver, the benchmarks beside PyTorch, the profiler on the fused kernel,
# compute-sanitizer's four tools. A stage that fails or takes too long is told, and the next goes on.
#
#     bench/gpu-run.sh [--stage NAME]...    # devices, suites, bench, ncu, memcheck, racecheck, initcheck, synccheck
#
# Logs go to $OUT, or to gpu-results; the benchmarks' JSON and Markdown to bench/results, or where OUT is set to $OUT/results.
# Ends with a line for each stage; exits 1 if one failed.
set -uo pipefail
cd "$(dirname "$0")/.."
results=${OUT:+$OUT/results}
results=${results:-bench/results}
out=${OUT:-gpu-results}
deadline=570

stages=()
while [ $# -gt 0 ]; do
  case $1 in
    --stage) stages+=("${2:?--stage needs a name}") && shift 2 ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
  esac
done

mkdir -p "$out" "$results"
if [ -d .gpu-host ]; then
  mkdir -p .gpu-host/bin
  [ -x .gpu-host/bin/node ] || { xz -dc .gpu-host/node.xz > .gpu-host/bin/node && chmod +x .gpu-host/bin/node; }
  tar -xJf .gpu-host/packages.tar.xz
  tar -xJf .gpu-host/build.tar.xz
  export PATH="$PWD/.gpu-host/bin:$PATH"
fi
# A toolkit that is installed is often not on the path.
export PATH="$PATH:/usr/local/cuda/bin"

summary=()
failed=0
# stage NAME SECONDS TOOL COMMAND...: runs it if it was chosen and the tool is there.
stage() {
  local name=$1 limit=$2 tool=$3 status
  shift 3
  if [ ${#stages[@]} -gt 0 ] && [[ " ${stages[*]} " != *" $name "* ]]; then return; fi
  if ! command -v "$tool" > /dev/null; then
    summary+=("$name: skipped, there is no $tool")
    return
  fi
  local left=$((deadline - SECONDS))
  if [ "$left" -le 0 ]; then
    summary+=("$name: FAILED, no time was left")
    failed=1
    return
  fi
  local begin=$SECONDS
  timeout --kill-after=30 "$((limit < left ? limit : left))" "$@" > "$out/$name.log" 2>&1
  status=$?
  local told="$((SECONDS - begin)) s, $(tail -n 1 "$out/$name.log")"
  if [ $status -eq 0 ]; then
    summary+=("$name: $told")
  else
    # The benchmarks tell and write what they have when they are stopped.
    [ $status -eq 124 ] && told="stopped after $told"
    summary+=("$name: FAILED ($status), $told")
    failed=1
  fi
  echo "${summary[-1]}"
}
# One suite in the sanitizer's hands: a finding is an exit code of its own.
sanitize() {
  stage "$1" 60 compute-sanitizer env ROI_LOSS_TEST_DEVICE=cuda ROI_LOSS_TEST_DEVICE_NAME='cuda (GPU)' \
    compute-sanitizer --tool "$1" --error-exitcode 9 node --import tsx --expose-gc "test/$2.test.ts"
}

command -v nvidia-smi > /dev/null &&
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$out/gpu.txt"
stage devices 20 node node -e "console.log(JSON.stringify(require('roi-loss').devices()))"
stage suites 120 node node --import tsx test/run.ts --devices gpu
stage bench 270 node node --import tsx --expose-gc bench/main.ts --device cuda --quick --out "$results" --json "$out/bench.json"
stage ncu 90 ncu node --import tsx bench/cuda/ncu.ts "$out/ncu.json"
sanitize memcheck golden
sanitize racecheck golden
sanitize initcheck golden
sanitize synccheck golden

printf '\n%s\n' "${summary[@]}"
exit "$failed"
