#!/usr/bin/env bash
# On a machine with a GPU: runs, out of .gpu-host, which bench/gpu-host.sh made, everything there is to run on a GPU, the most
# telling first, in less than nine minutes. A stage that fails or takes too long is told, and the next goes on. Needs tar,
# gzip and a driver; nvidia-smi, compute-sanitizer, ncu and a python3 with PyTorch where they are.
#
#     bench/gpu-run.sh [--list] [--from STAGE] [--stage STAGE]...
#
# --list prints the stages with their limits in seconds; --from begins with one, --stage runs those named alone.
#
# Two files come to $OUT, or to gpu-results, and are written anew after each stage: summary.txt, at most 10,000 characters,
# which is also printed last, and all.tgz, with the logs, tables and JSON of all stages.
#
# ROI_LOSS_REHEARSAL=N, on a machine that is no GPU's: the tests' stand-in is taken for a GPU, and all limits are N times as long.
#
# Exit codes: 0 everything passed; 1 a stage failed or was stopped at its limit; 2 an option, or .gpu-host, is not right;
# 3 nothing ran, because there is no GPU that the kernels run on or none of the tools.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

# In the order in which they run, with limits in seconds. Together with the unpacking they stay below nine minutes.
plan=(
  'device 20' 'core 45' 'headline 45' 'memcheck 40' 'large 45' 'ncu 45' 'variants 40' 'suites 50' 'memory 15'
  'racecheck 35' 'eager 35' 'graph 25' 'compile 50' 'synccheck 20' 'initcheck 20'
)
most_characters=10000
factor=${ROI_LOSS_REHEARSAL:-1}
die() {
  echo "$1" >&2
  exit 2
}
[[ $factor =~ ^[1-9][0-9]*$ ]] || die "ROI_LOSS_REHEARSAL is '$factor'; expected a whole number from 1 on"
deadline=$((525 * factor))
known() {
  local stage
  for stage in "${plan[@]}"; do [ "${stage% *}" = "$1" ] && return; done
  die "there is no stage '$1'; there are: $(printf '%s ' "${plan[@]% *}")"
}

from=
stages=()
while [ $# -gt 0 ]; do
  case $1 in
    --list)
      printf '%s\n' "${plan[@]}"
      exit
      ;;
    --from | --stage)
      [ $# -ge 2 ] || die "$1 needs a name"
      known "$2"
      if [ "$1" = --from ]; then from=$2; else stages+=("$2"); fi
      shift 2
      ;;
    *)
      sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
      exit 2
      ;;
  esac
done
for file in node.gz packages.tgz build.tgz sources; do
  [ -f ".gpu-host/$file" ] || die "there is no .gpu-host/$file: bench/gpu-host.sh makes it, on a machine with npm"
done
bench/gpu-sources.sh | cmp -s - .gpu-host/sources ||
  die ".gpu-host was made of other sources than lib and native have here: run bench/gpu-host.sh again"

# Everything runs in a copy: a checkout's own packages and build stay as they are.
root=$PWD
target=${OUT:-gpu-results}
mkdir -p "$target" || die "the results' folder, $target, cannot be made"
out=$(cd "$target" && pwd) || die "the results' folder, $target, cannot be entered"
work=$(mktemp -d) || die "no temporary folder can be made in ${TMPDIR:-/tmp}"
logs=$work/all
run=$work/run
mkdir -p "$logs" "$run" "$work/bin"
keeper=
child=
finish() {
  [ -z "$keeper" ] || kill "$keeper" 2> /dev/null
  rm -rf "$work"
}
trap finish EXIT
stopped=
trap 'stopped=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' INT TERM

cp -r bench common lib test examples package.json tsconfig.json native "$run" || exit 2
tar -xzf .gpu-host/packages.tgz -C "$run" || exit 2
tar -xzf .gpu-host/build.tgz -C "$run" || exit 2
gzip -dc .gpu-host/node.gz > "$work/bin/node" && chmod +x "$work/bin/node" || exit 2
# A toolkit that is installed is often not on the path.
export PATH="$work/bin:$PATH:/usr/local/cuda/bin"
cd "$run" || exit 2

lines=()
failures=
failed=
ran=
head=
# Writes both files, from what there is so far.
summarize() {
  local name
  {
    printf '%s\n' "$head" "${lines[@]}"
    [ -z "$failures" ] || printf '\n== failures%s\n' "$failures"
    for name in "${plan[@]% *}"; do
      [ -s "$logs/$name.txt" ] && printf '\n%s\n' "== $name" && cat "$logs/$name.txt"
    done
  } | LC_ALL=C awk -v most=$((most_characters - 100)) '
    { length_of_all += length($0) + 1 }
    length_of_all > most { print "… cut here: all.tgz has the rest"; exit }
    { print }
  ' > "$logs/summary.txt"
  cp "$logs/summary.txt" "$out/summary.txt"
  tar -czf "$work/all.tgz" -C "$work" all && mv "$work/all.tgz" "$out/all.tgz"
}

node_ts=(node --import tsx --expose-gc)
bench=("${node_ts[@]}" bench/main.ts --device cuda --quick)
targeted=(--filter 'R = 512, F = 128' --filter 'R = F = 512')
suites=("${node_ts[@]}" test/run.ts --devices gpu --limit $((300 * factor)))
core=(golden cuda-shapes sparse cuda-graphs)
# One of its tests takes all of the GPU's memory, and would make suites beside it fail.
alone=cuda-memory
without=(--without 'cuda-kit=this is the kit' --without "$alone=the stage memory has it")
# They break what they run on by controls that a GPU does not have, and that are built with CMake.
if [ -n "${ROI_LOSS_REHEARSAL-}" ]; then
  for name in cuda-failures cuda-injection lifetimes; do without+=(--without "$name=it has to build controls"); done
fi
for name in "${core[@]}"; do without+=(--without "$name=the stage core has it"); done
sanitize=(env ROI_LOSS_TEST_DEVICE=cuda ROI_LOSS_TEST_DEVICE_NAME='cuda (GPU)' compute-sanitizer --error-exitcode 9 --tool)
# Sets `command` to the stage's, and `needs` to the tool that may not be there.
command_of() {
  local results=(--json "$logs/$1.json" --table "$logs/$1.txt")
  needs=node
  case $1 in
    device) command=("${node_ts[@]}" bench/cuda/rates.ts "$logs/device.txt") ;;
    core) command=("${suites[@]}" --jobs 4 "${core[@]}") ;;
    suites) command=("${suites[@]}" --jobs 6 "${without[@]}") ;;
    memory) command=("${suites[@]}" "$alone") ;;
    headline) command=("${bench[@]}" --peers none "${targeted[@]}" "${results[@]}") ;;
    large) command=("${bench[@]}" --peers none --filter 'R = F = 4096, ' "${results[@]}") ;;
    variants) command=("${node_ts[@]}" bench/cuda/variants.ts "$root/.gpu-host/variants" "$logs") needs=$root/.gpu-host/variants ;;
    ncu) command=("${node_ts[@]}" bench/cuda/ncu.ts "$logs/ncu.json" "$logs/ncu.txt") needs=ncu ;;
    eager | graph | compile) command=("${bench[@]}" --peers "$1" "${results[@]}") needs=python3 ;;
    *) command=("${sanitize[@]}" "$1" "${node_ts[@]}" test/losses/golden.test.ts) needs=compute-sanitizer ;;
  esac
}

# The lines of a log that say what went wrong: what suites and benchmarks report, else what looks like an error.
first_failures() {
  local pattern
  for pattern in '^ *FAIL |^failed:|^Failed:|WRONG' 'Error|ERROR|^=========  *(Invalid|Race|Barrier|Uninitialized)'; do
    if grep -qaE "$pattern" "$1"; then
      grep -aE -A 2 "$pattern" "$1" | grep -av '^--$' | head -n 8 | cut -c 1-120
      return
    fi
  done
}

# stage NAME SECONDS
stage() {
  local name=$1 limit=$(($2 * factor)) left=$((deadline - SECONDS)) begin=$SECONDS status told found
  command_of "$name"
  if [ ! -e "$needs" ] && ! command -v "$needs" > /dev/null; then
    lines+=("$name: skipped, there is no ${needs#"$root"/}")
    return
  fi
  if [ "$left" -lt 5 ]; then
    failed=1
    lines+=("$name: not run, no time was left; --from $name goes on there")
    return
  fi
  [ "$limit" -le "$left" ] || limit=$left
  timeout --kill-after=10 "$limit" "${command[@]}" > "$logs/$name.log" 2>&1 &
  child=$!
  wait "$child"
  status=$?
  # A signal ends the waiting before the stage has written what it has.
  [ -z "$stopped" ] || { wait "$child"; status=124; }
  child=
  ran=1
  told="$((SECONDS - begin)) s of $limit, $(grep -av '^[[:space:]]*$' "$logs/$name.log" | tail -n 1 | cut -c 1-140)"
  if [ $status -eq 0 ]; then
    lines+=("$name: passed, $told")
  else
    failed=1
    # What does not end when it is asked to is killed.
    case $status in
      124 | 137) lines+=("$name: STOPPED, $told") ;;
      *) lines+=("$name: FAILED ($status), $told") ;;
    esac
    found=$(first_failures "$logs/$name.log")
    [ -z "$found" ] || failures+=$'\n'"-- $name"$'\n'$found
  fi
}

gpu=$(timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,compute_mode --format=csv,noheader 2> /dev/null) || gpu=
reason=$(timeout 30 node -e "
  const gpu = require('roi-loss').devices().find(({ name }) => name.startsWith('cuda'));
  if (!gpu?.available) console.log(gpu?.reason ?? 'devices() lists none');
" 2> "$logs/devices.log") || reason="$(head -n 5 "$logs/devices.log")"
head="roi-loss on ${gpu:-no GPU that nvidia-smi tells of}"
if [ -n "$reason" ]; then
  head="nothing ran: there is no GPU that the kernels run on: $reason"
  summarize
  cat "$out/summary.txt"
  exit 3
fi
# Else each stage makes the context anew. In exclusive mode a process that keeps it would shut the stages out.
if [[ $gpu != *Exclusive* ]]; then
  node -e "const device = require('roi-loss').openDevice('cuda'); setInterval(() => device, 1e6)" > "$logs/keeper.log" 2>&1 &
  keeper=$!
fi

# PyTorch's first import reads a gigabyte: that is over before the peers' turn.
if command -v python3 > /dev/null && [ ${#stages[@]} -eq 0 ]; then
  timeout 60 python3 -c 'import torch, torchvision' > /dev/null 2>&1 &
fi

summarize
for entry in "${plan[@]}"; do
  name=${entry% *}
  [ "$name" = "$from" ] && from=
  if [ -n "$from$stopped" ]; then continue; fi
  if [ ${#stages[@]} -gt 0 ] && [[ " ${stages[*]} " != *" $name "* ]]; then continue; fi
  stage "$name" "${entry#* }"
  summarize
  echo "${lines[-1]}"
done
head+=", $SECONDS s in all"
[ -n "$ran$stopped" ] || head="nothing ran: the tools of the chosen stages are not here"
summarize
printf '\n'
cat "$out/summary.txt"
[ -n "$ran$stopped" ] || exit 3
[ -z "$failed$stopped" ]
