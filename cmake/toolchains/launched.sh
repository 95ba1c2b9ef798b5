#!/bin/sh
# Stands for a compiler, `cc` or `cxx`, where a launcher calls it: see Note [Launchers] in
# builder/compilation/shared/launching/session.py. Launchers keep no objects that a precompiled header went
# into, so it is left out. What would be one is an empty file, which says that it is yet to be made.
# An object that was laid out, from a pack, is copied: see Note [Packs] in
# builder/compilation/shared/packs/index.py.
case $0 in
  *cxx) name=clang++ ;;
  *) name=clang ;;
esac
held='' named='' emitted='' previous='' output='' depends=''
for word; do
  shift
  if test -z "$held" && test "$word" = -Xclang; then
    held=yes
    continue
  fi
  if test -z "$held"; then
    case $previous in
      -o) output=$word ;;
      -MF) depends=$word ;;
    esac
    previous=$word
    set -- "$@" "$word"
    continue
  fi
  held=''
  if test -n "$named"; then
    named=''
    continue
  fi
  case $word in
    -include-pch) named=yes ;;
    -fno-pch-timestamp) ;;
    -emit-pch) emitted=yes ;;
    *) set -- "$@" -Xclang "$word" ;;
  esac
done
if test -n "$emitted"; then
  : >"$output"
  exit
fi
if test -n "${LAID_OUT:-}"; then
  cp "$LAID_OUT/$output.d" "$depends" && cp "$LAID_OUT/$output" "$output"
  exit
fi
exec "${LAUNCHER:?}" "${LAUNCHED_TOOLS:?}/$name" "$@"
