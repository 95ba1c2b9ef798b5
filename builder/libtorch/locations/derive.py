"""Find the kernels of operators in the symbol index: how the table that ships is made."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from builder.libtorch.catalogue import PROMOTED, Catalogue, OperatorEntry
from builder.libtorch.mangling import called_operator, identifiers
from builder.libtorch.symbols import SymbolIndex

_NATIVE: Final = ("at", "native")
_GENERATED: Final = "generated"
_UFUNC: Final = re.compile(r"generated:ATen/UfuncCPU_\w+\.cpp")
_DEPTH: Final = 6
"""From an operator's call function through the generated wrappers to its kernel."""

_HELPERS: Final = frozenset({"as_strided__symint", "clone", "copy_", "resize_output"})
"""What generated wrappers call besides the kernel."""


def derive_locations(catalogue: Catalogue, index: SymbolIndex) -> dict[str, str]:
    """Return the source file with the kernel of each operator; the unknown are left out.

    Operators of the interpreter stand in the file that registers them. Others are followed from
    `at::_ops::X::call` through the generated dispatch to the first function of `at::native`.
    """
    finder = _Finder(index)
    found: dict[str, str] = {}
    for name, entry in catalogue.entries.items():
        path = finder.find(entry) if entry.symbol else _registered(entry)
        if path:
            found[str(name)] = path
    return found


def _registered(entry: OperatorEntry) -> str:
    """Return the file that registers an operator; one of ours begins with `native/`."""
    source = entry.source.replace(":", "/")
    return "" if entry.missing else source or entry.registrar or PROMOTED


class _Finder:
    """The index, arranged for looking up one operator after another."""

    def __init__(self, index: SymbolIndex) -> None:
        self._index = index
        self._definers = index.definers()
        self._calls: dict[str, list[str]] = {}
        for symbol in self._definers:
            if (operator := called_operator(symbol)) is not None:
                self._calls.setdefault(operator, []).append(symbol)

    def find(self, entry: OperatorEntry) -> str:
        """Return the path of the file with the kernel; empty if the index does not lead to one."""
        for symbol in sorted(self._calls.get(entry.symbol, [])):
            ranked = sorted(_rank(it, entry.name.base) for it in self._kernels(symbol, _DEPTH))
            if ranked and not ranked[0].helper:
                component, _, path = self._definers[ranked[0].symbol].partition(":")
                return f"{component}/{path}" if component == _GENERATED else path
        return ""

    def _kernels(self, symbol: str, depth: int) -> Iterator[str]:
        """Yield the kernels that generated code calls for an operator."""
        source = self._definers.get(symbol, "")
        if not source.startswith(f"{_GENERATED}:") or _UFUNC.fullmatch(source):
            if identifiers(symbol)[:2] == _NATIVE:
                yield symbol
        elif depth:
            for need in self._index.files[source][symbol].needs:
                yield from self._kernels(need, depth - 1)


class _Ranked(NamedTuple):
    """A function of `at::native`, ordered by how likely it is the kernel of an operator."""

    other_name: bool
    helper: bool
    outer: bool
    symbol: str


def _rank(symbol: str, base: str) -> _Ranked:
    parts = identifiers(symbol)[2:]
    helper = any(part in _HELPERS and part != base for part in parts)
    named = not helper and any(base.strip("_") in part for part in parts)
    return _Ranked(not named, helper, "impl" not in parts, symbol)
