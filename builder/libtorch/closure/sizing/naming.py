"""The names by which operators and classes ask for what is in a size graph."""

import re
from collections.abc import Iterable
from typing import Final

from builder.libtorch.catalogue import OperatorEntry
from builder.libtorch.closure.sizing.sections import operator_of, symbol_name
from builder.libtorch.kernels import CustomClass, known_classes
from builder.libtorch.mangling import call_prefix, portable

UPGRADERS: Final = "_ZN5torch3jit23getUpgraderBytecodeListEv"
"""The functions that stand in for operators of old models."""

_CALL: Final = re.compile(r"(?P<name>\w+)(?:<(?P<number>\d+)>)?\(\)")


def names_of(entry: OperatorEntry) -> frozenset[str]:
    """Return what an operator asks for; nothing where it is of the interpreter itself."""
    names = [
        *([symbol_name(call_prefix(entry.symbol))] if entry.symbol else []),
        *([portable(entry.kernel)] if entry.kernel else []),
        *([str(entry.name)] if entry.registrar else []),
    ]
    return frozenset(names)


def class_names(classes: Iterable[str]) -> frozenset[str]:
    """Return what custom classes ask for: the calls that register them."""
    wanted = frozenset(classes)
    found = (it.registration for it in known_classes() if it.name in wanted)
    return frozenset(it for it in found if it)


def class_of_symbol(symbol: str) -> str | None:
    """Return the call that registers a class if that is what a symbol is, None for any other."""
    return next(
        (it.registration for it in known_classes() if it.registration and _is_call(symbol, it)),
        None,
    )


def _is_call(symbol: str, known: CustomClass) -> bool:
    call = _CALL.fullmatch(known.registration)
    if call is None:
        return False
    number = f"ILi{call['number']}E" if call["number"] else "v"
    return symbol == call["name"] or symbol.startswith(
        f"_Z{len(call['name'])}{call['name']}{number}"
    )


def mangled(name: str) -> str:
    """Return the symbol of a name as the table of cuts knows it."""
    operator = operator_of(name)
    return name if operator is None else call_prefix(operator)
