"""How the user's own C++ is compiled: what is exported and compared, and which errors are his."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from builder.extensions.reading import Extension, Implemented, Source
from builder.extensions.signatures import Parameter
from builder.foundation.process import CommandError
from builder.libtorch.candidates import Group
from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import SourceKind


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
def explained(extension: Extension) -> Iterator[None]:
    """Turn a failure to compile the user's own sources into one that names his files."""
    try:
        yield
    except CommandError as error:
        text = "\n".join(error.tail)
        named = [name for name, _ in extension.roots if f"{name}/" in error.command.argv[-1]]
        if not named or "error:" not in text:
            raise
        for name, root in extension.roots:
            text = text.replace(f"tree/{name}/", f"{root}/")
        lines = [it for it in text.splitlines() if "warning: argument unused" not in it]
        raise CompileError(
            "operators of your own do not compile:\n    " + "\n    ".join(lines),
            hint=f"mend them, then run the same command again (the whole log: {error.log})",
        ) from error
