#!/usr/bin/env bash
# Writes what the cache is keyed and restored by to the outputs of the step.
set -euo pipefail
# shellcheck source=words.sh source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/words.sh"

mapfile -t keys < <(build-runtime cache key "${words[@]}" "${options[@]}" --quiet)
if ((${#keys[@]} == 0)); then
  exit 2 # it has said why
fi
{
  echo "path=$BUILD_RUNTIME_CACHE_DIR"
  echo "key=${keys[0]}"
  echo "restore-keys<<end-of-keys"
  printf '%s\n' "${keys[@]:1}"
  echo "end-of-keys"
} >>"${GITHUB_OUTPUT:?}"
