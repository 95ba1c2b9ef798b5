"""Names of symbols: C++ as the Itanium ABI mangles it, and the C names that are ours."""

import re
from typing import Final

from builder.vocabulary.operators import OperatorName

_OPERATORS: Final = "_ZN2at4_ops"
_BEGINNING: Final = re.compile(r"_Z(?:T[VTIS]|GV|L)?N?[KVrRO]*")
_PART: Final = re.compile(r"(?:St~?|S[a-z0-9_]*?)?(\d+)")
_LENGTH: Final = re.compile(r"\d+")
_STUB: Final = "_DECLARE_DISPATCH_type"
_STRUCTURED: Final = "structured_"

_LIBCXX: Final = re.compile(r"St(?:3__1|6__ndk1)")
_PORTABLE_LIBCXX: Final = "St~"


def portable(symbol: str) -> str:
    """Return the name of a symbol without libc++'s inline namespace: one for all toolchains.

    LLVM's libc++ is in `std::__1`, that of the NDK in `std::__ndk1`. The namespace makes way for a
    sign no compiler writes, so what is not in it (`std::exception`) keeps a name of its own. Both
    are one component of a name, so the numbers of substitutions (`S1_`) are the same.
    """
    return _LIBCXX.sub(_PORTABLE_LIBCXX, symbol) if symbol.startswith("_Z") else symbol


def identifiers(symbol: str) -> tuple[str, ...]:
    """Return the parts of a mangled name, outermost first: `at`, `native`, `batch_norm_cpu`.

    A C symbol is its own only part.
    """
    rest = portable(symbol)
    beginning = _BEGINNING.match(rest)
    if beginning is None:
        return (symbol,)
    parts: list[str] = []
    rest = rest[beginning.end() :]
    while (length := _PART.match(rest)) is not None:
        end = length.end() + int(length[1])
        parts.append(rest[length.end() : end])
        rest = rest[end:]
    return tuple(parts)


def call_prefix(operator: str) -> str:
    """Return how the symbol of `at::_ops::X::call` begins; the types of its arguments follow."""
    return f"{_OPERATORS}{len(operator)}{operator}4callE"


def called_operator(symbol: str) -> str | None:
    """Return X of `at::_ops::X::call`, None for any other function."""
    if not is_operator(symbol):
        return None
    match identifiers(symbol):
        case (_, _, operator, "call"):
            return operator
        case _:
            return None


def is_operator(symbol: str) -> bool:
    """Tell whether a symbol is a function of an operator, in `at::_ops`: `call`, `redispatch`."""
    return symbol.startswith(_OPERATORS)


def dispatch_stub(symbol: str) -> str | None:
    """Return the dispatch stub a symbol belongs to: its type stands in the mangled name."""
    for length in _LENGTH.finditer(symbol):
        name = symbol[length.end() : length.end() + int(length[0])]
        if name.endswith(_STUB):
            return name.removesuffix(_STUB)
    return None


def structured_operator(symbol: str) -> str | None:
    """Return the operator of a structured kernel: macros make a class that is named after it."""
    for part in reversed(identifiers(symbol)):
        if part.startswith(_STRUCTURED):
            return part.removeprefix(_STRUCTURED)
    return None


def kernel_symbol(name: OperatorName) -> str:
    """Return the C name under which we export the kernel of an operator; it is one to one."""
    parts = (name.namespace, name.base, name.overload)
    return "br_kernel_" + "_".join(f"{len(part)}{part}" for part in parts)
