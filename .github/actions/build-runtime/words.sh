# What the steps of the action have in common: the words of the command, from the inputs.
# shellcheck shell=bash disable=SC2034

# Where the cache is, also for who restores it. It is a setting of build-runtime.
export BUILD_RUNTIME_CACHE_DIR="${BUILD_RUNTIME_CACHE_DIR:-${RUNNER_TEMP:?}/build-runtime-cache}"

# Prints the lines of a text that are not blank, without the blanks around them.
lines() {
  sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' <<<"$1"
}

mapfile -t models < <(lines "${MODEL:?}")
mapfile -t options < <(lines "${OPTIONS:-}")
words=("${models[@]}" --abi "${ABI:?}" --platform "${PLATFORM:?}")
