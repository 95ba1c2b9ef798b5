#!/bin/sh
# Stands for a compiler, `cc` or `cxx`, where a launcher calls it: see Note [Launchers] in
# builder/compilation/launching/session.py. Launchers keep no objects that a precompiled header went
# into, so it is left out. What would be one is an empty file, which says that it is yet to be made.
case $0 in
  *cxx) compiler=${LAUNCHED_TOOLS:?}/clang++ ;;
  *) compiler=${LAUNCHED_TOOLS:?}/clang ;;
esac
held='' named='' emitted='' previous='' output=''
for word; do
  shift
  if test -z "$held" && test "$word" = -Xclang; then
    held=yes
    continue
  fi
  if test -z "$held"; then
    test "$previous" != -o || output=$word
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
exec "${LAUNCHER:?}" "$compiler" "$@"
