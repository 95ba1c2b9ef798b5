"""Serialized TorchScript, written by hand: what is read of it, without an archive around it."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

from builder import RELEASE
from builder.libtorch.codegen import pinned_catalogue
from builder.models.torchscript.frontend.program import Program
from builder.models.torchscript.frontend.sources import Sources
from builder.models.torchscript.graphs.emission import Code, emit
from builder.models.torchscript.inlining import converted
from builder.models.torchscript.signatures.overloads import read_overloads
from builder.models.torchscript.signatures.schemas import Schemas


@cache
def schemas() -> Schemas:
    return Schemas(pinned_catalogue(RELEASE), read_overloads())


def program(source: str, constants: Sequence[object] = ()) -> Program:
    """Return what a file defines, whose names begin with `__torch__`."""
    records = {"code/__torch__.py": source.encode()}
    return Program(Sources(records.get), constants, schemas())


def code_of(source: str, name: str = "f", constants: Sequence[object] = ()) -> Code:
    """Return the code of a function, after everything that it calls is inlined."""
    made = program(source, constants)
    definition = made.find_function(f"__torch__.{name}")
    assert definition is not None
    return emit(converted(made, definition))


def operators(source: str, name: str = "f") -> dict[str, int | None]:
    """Return the operators that a function names, with the number of arguments."""
    return {str(it): given for it, given in code_of(source, name).operators}


def opcodes(source: str, name: str = "f") -> Counter[str]:
    """Return how often a function has each instruction."""
    return Counter(opcode for opcode, _, _ in code_of(source, name).instructions)
