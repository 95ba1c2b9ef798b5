#!/usr/bin/env bash
# Builds, keeps to the budget, and tells of it: outputs, summary, annotations. Its exit code is that of
# build-runtime.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=words.sh source-path=SCRIPTDIR
. "$here/words.sh"
answer="${RUNNER_TEMP:?}/build-runtime.json"
report="${OUTPUT:?}/size-report.txt"

code=0
build-runtime "${words[@]}" --output "$OUTPUT" "${options[@]}" --json >"$answer" || code=$?
if ((code == 0)); then
  : >"$report"
  while IFS= read -r archive; do
    build-runtime report "$archive" >>"$report"
    if [[ -n "${BUDGET:-}" ]]; then
      build-runtime report "$archive" --budget "$BUDGET" --json >"$answer.budget" || code=$?
    fi
    ((code == 0)) || { cp "$answer.budget" "$answer"; break; }
  done < <(python "$here/tell.py" archives "$answer")
fi
python "$here/tell.py" outcome "$answer" "$report" "$code"
exit "$code"
