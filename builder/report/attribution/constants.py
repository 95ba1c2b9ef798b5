"""Constants that the linker merged: who refers to each, and to the end of which longer one."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

Keepers = frozenset[str]
"""The operators that keep something; none is the fixed core."""

_NAMED: Final = re.compile(r"\.rodata\.(?P<kind>str|cst)(?P<entry>\d+)(\.\d+)?")
_CORE: Final = frozenset[str]()


def charge_constants(
    section: str, content: bytes, keepers: Mapping[bytes, Keepers]
) -> Iterator[tuple[int, Keepers]]:
    """Yield the sizes of merged constants in order, each with who keeps it.

    `section` is the name that compilers give to a section of constants: it tells the size of one.
    `keepers` has all constants that something refers to. Nobody refers to the rest: it is core.
    """
    named = _NAMED.fullmatch(section)
    entry = int(named["entry"]) if named else 0
    if named is None or not entry:
        yield len(content), _CORE
    elif named["kind"] == "str":
        lengths = sorted({len(it) for it in keepers if it})
        for text in _texts(content, entry):
            ends = lengths[: bisect_left(lengths, len(text))]
            yield from _charge_text(text, [len(text) - it for it in reversed(ends)], entry, keepers)
    else:
        for start in range(0, len(content), entry):
            constant = content[start : start + entry]
            yield len(constant), keepers.get(constant, _CORE)


def _texts(content: bytes, entry: int) -> Iterator[bytes]:
    start = position = 0
    while position < len(content):
        position += entry
        if not any(content[position - entry : position]):
            yield content[start:position]
            start = position
    if start < len(content):
        yield content[start:]


def _charge_text(
    text: bytes, places: Iterable[int], entry: int, keepers: Mapping[bytes, Keepers]
) -> Iterator[tuple[int, Keepers]]:
    """Yield the parts of a text: one that is the end of a longer one has no bytes of its own.

    The bytes before the shorter one are kept by those of the longer one alone, the rest by both.
    `places` are where one may begin, in order: a long text has too many ends to look at all.
    """
    start, current = 0, keepers.get(text)
    for position in places:
        found = None if position % entry else keepers.get(text[position:])
        if found is None:
            continue
        both = found if current is None else current | found if current and found else _CORE
        if both != current:
            yield position - start, current or _CORE
            start, current = position, both
    yield len(text) - start, current or _CORE
