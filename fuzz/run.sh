#!/usr/bin/env bash
# Runs one fuzz target for HOLDFAST_FUZZ_SECONDS (10) from its corpus; what it finds new lies in the build folder.
#   fuzz/run.sh build/fuzz/fuzz/entry_fuzz entry
set -euo pipefail
target=$1 name=$2
corpus=$(dirname "$0")/corpus/$name
found=$(dirname "$target")/found/$name
mkdir -p "$found"
seeds=()
[ -d "$corpus" ] && seeds=("$corpus")
exec "$target" -max_total_time="${HOLDFAST_FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
  -verbosity=0 -artifact_prefix="$found/" "$found" "${seeds[@]}"
