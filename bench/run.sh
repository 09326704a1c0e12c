#!/bin/bash
# bench/run.sh BUILD_DIR: measures BUILD_DIR/bin/holdfast beside its peers, prints one table and writes build/bench.json.
# ROUNDS (5) and SECONDS_EACH (4) say how long. It passes whenever everything could be measured, however fast it was.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if (( $# != 1 )) || [[ ! -d $1 ]]; then
  echo 'usage: bench/run.sh BUILD_DIR (as in: bench/run.sh build/release)' >&2
  exit 2
fi
build=$(cd "$1" && pwd)
for program in holdfast holdfast_load holdfast_append; do
  if [[ ! -x $build/bin/$program ]]; then
    echo "bench/run.sh: $build/bin/$program is missing; 'make build' makes it" >&2
    exit 2
  fi
done
export HOLDFAST_BINARY=$build/bin/holdfast PYTHONDONTWRITEBYTECODE=1
exec "${PYTHON:-/usr/bin/python3}" "$here/bench.py" "$build"
