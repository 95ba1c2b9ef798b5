#!/usr/bin/env bash
# Installs this very checkout of build-runtime. torch comes first and exact: a range may bring
# gigabytes for GPUs.
set -euo pipefail
root="$(cd "${GITHUB_ACTION_PATH:?}/../../.." && pwd)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
python -m pip install --quiet 'torch==2.13.0'
python -m pip install --quiet "$root"
