# What the steps of the action have in common: the words of the command, from the inputs.
# shellcheck shell=bash disable=SC2034

# Where the cache is, also for who restores it. It is a setting of build-runtime.
export BUILD_RUNTIME_CACHE_DIR="${BUILD_RUNTIME_CACHE_DIR:-${RUNNER_TEMP:?}/build-runtime-cache}"

# Prints the lines of a text that are not blank, without the blanks around them.
lines() {
  sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' <<<"$1"
}

# macOS has bash 3.2: no `mapfile`, and an empty array would be unset.
words=()
while IFS= read -r line; do
  words+=("$line")
done < <(lines "${MODEL:?}")
words+=(--abi "${ABI:?}" --platform "${PLATFORM:?}")
while IFS= read -r line; do
  words+=("$line")
done < <(lines "${OPTIONS:-}")
