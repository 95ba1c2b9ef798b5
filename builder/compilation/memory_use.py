"""What operators do to memory, as runtimes ask it of the methods of a model.

A method may be run by several threads at once unless it writes what outlives a call. A runtime
reads that off the bytecode when it loads a model; what it needs to know of the operators comes from
their schemas (see Note [Methods that keep state] in `native/src/loading/state_check.cpp`).
"""

import re
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.catalogue import OperatorEntry, count_results, split_arguments

_ALIAS: Final = re.compile(r"\(\w+!?[^)]*\)")
_STATISTICS: Final = "running_mean"
_TRAINS: Final = frozenset({"training", "train", "use_input_stats"})


class MemoryUse(StrEnum):
    """The letters of `native/src/registry/registration.h`."""

    NEW = "n"
    HANDS_ON = "h"
    WRITES = "w"
    WRITES_OTHERS = "o"


@cache
def new_results() -> frozenset[str]:
    """Return the operators, without overloads, whose results share no memory with arguments."""
    table = tomllib.loads((DATA / "new_results.toml").read_text(encoding="utf-8"))
    return frozenset(table["operators"])


def memory_uses(entries: Iterable[OperatorEntry]) -> list[tuple[str, str]]:
    """Return operators and what they do, in the order of their bytes; the rest only read."""
    found = ((str(it.name), memory_use(it)) for it in entries)
    return sorted((name, use) for name, use in found if use)


def memory_use(entry: OperatorEntry) -> str:
    """Return what an operator does: a `MemoryUse`, a digit, or nothing if it only reads.

    A digit is the number of the argument that makes a normalisation train: then it writes its
    statistics, which its schema does not tell.
    """
    if not entry.schema:
        return ""
    arguments = split_arguments(entry.schema)
    written = [number for number, argument in enumerate(arguments) if "!" in argument]
    if written or _says_in_place(entry.name.base):
        alone = written in ([0], []) and count_results(entry.schema) <= 1
        return MemoryUse.WRITES if alone else MemoryUse.WRITES_OTHERS
    names = [argument.partition("=")[0].split()[-1] for argument in arguments]
    if _STATISTICS in names:
        trains = next((n for n, name in enumerate(names) if name in _TRAINS), None)
        return MemoryUse.WRITES_OTHERS if trains is None or trains > 9 else str(trains)  # noqa: PLR2004  a digit
    if f"{entry.name.namespace}::{entry.name.base}" in new_results():
        return MemoryUse.NEW
    shared = [number for number, argument in enumerate(arguments) if _ALIAS.search(argument)]
    return MemoryUse.HANDS_ON if shared == [0] and count_results(entry.schema) == 1 else ""


def _says_in_place(base: str) -> bool:
    """Whether a name says so, as `_no_grad_embedding_renorm_` does and its schema does not."""
    return base.endswith("_") and not base.startswith("__")
