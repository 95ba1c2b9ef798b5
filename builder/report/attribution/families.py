"""Names of symbols without what tells instances of one template apart."""

import re
from typing import Final

_OPERATOR: Final = re.compile(r"operator(\(\)|<=>|->\*?|<<=?|>>=?|<=|>=|<|>)")
_ANONYMOUS: Final = "(anonymous namespace)"
_LONGEST: Final = 160


def family(symbol: str) -> str:
    """Return the name of a demangled symbol without parameters, template arguments and result.

    All instances of a kernel for its dtypes are one family. A name that is none stays.
    """
    kept: list[str] = []
    text = symbol.replace(_ANONYMOUS, "{anonymous}")
    depth = position = 0
    while position < len(text):
        named = _OPERATOR.match(text, position)
        if named is not None:
            kept.append(named[0] if not depth else "")
            position = named.end()
            continue
        character = text[position]
        if character in "<(":
            depth += 1
        elif character in ">)":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(character)
        position += 1
    plain = "".join(kept).replace("{anonymous}", _ANONYMOUS).removesuffix(" const").strip()
    return _without_result(plain)[:_LONGEST] or symbol[:_LONGEST]


def _without_result(name: str) -> str:
    """Drop the type before the name that demangled templates have; `typeinfo for X` stays."""
    if " for " in name or "operator " in name:
        return name
    return (
        name.replace(_ANONYMOUS, "{anonymous}")
        .rpartition(" ")[2]
        .replace("{anonymous}", _ANONYMOUS)
    )
