"""How the user's own C++ is compiled: what is exported and compared, and which errors are his."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from builder.extensions.reading import Extension, Implemented, Source
from builder.extensions.signatures import Parameter
from builder.foundation.process import CommandError
from builder.libtorch.candidates import Group
from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import SourceKind

_MOST_ERRORS: Final = 10
_ASSERTION: Final = re.compile(r"( error: )static assertion failed(?: due to .*?')?: (?=\w+::\w)")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the compiler has to find true of a kernel's function, and what it says otherwise."""

    holds: str
    message: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A kernel to export under a name of C, and how its function has to look."""

    symbol: str
    function: str
    checks: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One macro of registration: the line it stands in, and the kernels to export, often none."""

    line: int
    kernels: tuple[Exported, ...]


def exported_blocks(source: Source, extension: Extension) -> tuple[Block, ...]:
    """Return what each macro of a source becomes; kernels that others outrank are left out."""
    here = [it for it in extension.operators if it.source == source and it.kernel is not None]
    return tuple(
        Block(line, tuple(_exported(it) for it in here if it.kernel and it.kernel.block == line))
        for line in dict.fromkeys(source.registrations.blocks)
    )


def _exported(operator: Implemented) -> Exported:
    assert operator.kernel is not None
    symbol = kernel_symbol(operator.definition.name)
    return Exported(symbol, operator.kernel.function, tuple(_checks(operator)))


def _checks(operator: Implemented) -> Iterator[Comparison]:
    name, signature = operator.definition.name, operator.signature
    for what, parameters in (("arguments", signature.arguments), ("results", signature.results)):
        yield Comparison(
            f"Types::{what} == {len(parameters)}",
            f"{name}: its schema has {len(parameters)} {what}, its function another number",
        )
    yield from _typed(f"{name}: its function must take", "takes", signature.arguments)
    yield from _typed(f"{name}: its function must return", "gives", signature.results)


def _typed(begin: str, verb: str, parameters: Sequence[Parameter]) -> Iterator[Comparison]:
    for place, it in enumerate(parameters):
        if it.types:
            called = f" for {it.name}" if it.name else ""
            yield Comparison(
                f"Types::template {verb}<{place}, {', '.join(it.types)}>",
                f"{begin} {it.types[0]}{called}, which is {it.written} in its schema",
            )


def candidates_of(extension: Extension) -> tuple[Group, ...]:
    """Return the sources as groups, to be searched for what other sources of them define."""
    return tuple(
        Group(
            name,
            SourceKind.KERNEL,
            name,
            "CXX",
            tuple(it.path for it in extension.sources if it.component == name),
            (),
            (),
        )
        for name, _ in extension.roots
    )


@contextmanager
def explained(extension: Extension, tree: str) -> Iterator[None]:
    """Turn a failure to compile the user's own sources into one that names his files.

    Commands find the folders of sources below `tree`.
    """
    try:
        yield
    except CommandError as error:
        lines = tuple(_errors(error, extension, tree))
        if not lines:
            raise
        raise CompileError(
            "operators of your own do not compile:\n    " + "\n    ".join(lines),
            hint=f"mend them, then run the same command again (the whole log: {error.log})",
        ) from error


def _errors(error: CommandError, extension: Extension, tree: str) -> Iterator[str]:
    """Yield what the compiler says of the user's files, the first cause first.

    What it says of upstream's headers besides follows from that, and a failed comparison says all
    in its own words. Nothing is told of a command that compiles other files.
    """
    roots = {f"{tree}/{name}/": f"{root}/" for name, root in extension.roots}
    if not any(name in error.command.argv[-1] for name in roots):
        return
    log = error.log.read_text(encoding="utf-8", errors="replace")
    found = [it for it in log.rpartition("FAILED: ")[2].splitlines() if ": error: " in it]
    own = [it for it in found if it.startswith(tuple(roots))]
    for line in (own or found or error.tail)[:_MOST_ERRORS]:
        told = _ASSERTION.sub(r"\1", line)
        for name, root in roots.items():
            told = told.replace(name, root)
        yield told
