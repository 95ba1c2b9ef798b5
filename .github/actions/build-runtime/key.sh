#!/usr/bin/env bash
# Writes what the cache is keyed and restored by to the outputs of the step. Its exit code is that of
# build-runtime.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=words.sh source-path=SCRIPTDIR
. "$here/words.sh"
keys="${RUNNER_TEMP:?}/build-runtime.keys"
errors="$RUNNER_TEMP/build-runtime.txt"

code=0
build-runtime cache key "${words[@]}" --quiet 2>&1 >"$keys" |
  tee "$errors" >&2 || code=$?
if ((code != 0)); then
  python "$here/tell.py" failed "$errors" "$code"
  exit "$code"
fi
{
  echo "path=$BUILD_RUNTIME_CACHE_DIR"
  echo "key=$(sed -n 1p "$keys")"
  echo "restore-keys<<end-of-keys"
  sed 1d "$keys"
  echo "end-of-keys"
} >>"${GITHUB_OUTPUT:?}"
