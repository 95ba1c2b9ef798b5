#!/usr/bin/env bash
# Builds, keeps to the budget, and tells of it: outputs, summary, annotations. Its exit code is that of
# build-runtime.
set -euo pipefail
here="$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=words.sh source-path=SCRIPTDIR
. "$here/words.sh"
answer="${RUNNER_TEMP:?}/build-runtime.json"
errors="$RUNNER_TEMP/build-runtime.txt"
report="${OUTPUT:?}/size-report.md"

code=0
# what it prints on stderr is shown as it comes, and kept
build-runtime "${words[@]}" --output "$OUTPUT" --json 2>&1 >"$answer" |
  tee "$errors" >&2 || code=$?
if ((code == 0)); then
  : >"$report"
  while IFS= read -r archive; do
    build-runtime report "$archive" --format markdown 2>&1 >>"$report" |
      tee "$errors" >&2 || code=$?
    if ((code == 0)) && [[ -n "${BUDGET:-}" ]]; then
      build-runtime report "$archive" --budget "$BUDGET" 2>&1 >"$answer.report" |
        tee "$errors" >&2 || code=$?
    fi
    ((code == 0)) || break
  done < <(python "$here/tell.py" archives "$answer")
fi
python "$here/tell.py" outcome "$answer" "$errors" "$report" "$code"
exit "$code"
