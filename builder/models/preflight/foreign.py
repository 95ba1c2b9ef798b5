"""What no source of PyTorch has: how it is told, wherever it was found."""

from pathlib import PurePath
from typing import Final

from builder.libtorch.catalogue import OperatorEntry
from builder.models.preflight.interpreter import (
    class_advice,
    instruction_advice,
    namespace_advice,
    operator_advice,
)
from builder.models.preflight.problems import EXPORT_AGAIN, Problem, Use
from builder.vocabulary.operators import OperatorName, SourceLine

DEFINE: Final = "define it, too, in the C++ that --ops-source names"
_WIDTH: Final = 60


def foreign_operator(name: OperatorName, near: str, uses: tuple[Use, ...]) -> Problem:
    """Return the problem of an operator that is of something else; `near` are names like it."""
    advice = operator_advice(str(name)) or namespace_advice(name.namespace)
    return Problem(
        "operator", str(name), f"not in this source{near}: it is of {advice.what}",
        uses, f"{name.namespace}::…: {advice.do}",
    )  # fmt: skip


def unknown_operator(
    name: OperatorName, near: str, uses: tuple[Use, ...], do: str = EXPORT_AGAIN
) -> Problem:
    """Return the problem of an operator of a namespace that the source has otherwise."""
    return Problem("operator", str(name), f"not in this source{near}", uses, do)


def unimplemented(entry: OperatorEntry, uses: tuple[Use, ...]) -> Problem:
    """Return the problem of an operator that the user's C++ defines, and does not implement."""
    name = entry.name
    what = name.base if not name.overload else f"{name.base}.{name.overload}"
    return Problem(
        "operator", str(name), f"defined in {entry.place}, without a kernel for the CPU", uses,
        f'add one: TORCH_LIBRARY_IMPL({name.namespace}, CPU, m) {{ m.impl("{what}", function); }}',
    )  # fmt: skip


def foreign_class(name: str, near: str, uses: tuple[Use, ...]) -> Problem:
    """Return the problem of a custom class (`namespace.Name`) that cannot be linked."""
    advice = class_advice(name.partition(".")[0])
    return Problem(
        "class", f"custom class {name}", f"not supported{near}: it is of {advice.what}",
        uses, f"{name}: {advice.do}",
    )  # fmt: skip


def foreign_instruction(opcode: str, uses: tuple[Use, ...]) -> Problem:
    """Return the problem of an instruction that the lite interpreter lacks."""
    return Problem(
        "instruction", f"instruction {opcode}", "the lite interpreter does not run it",
        uses, instruction_advice(opcode).do,
    )  # fmt: skip


def use_of(model: str, method: str, line: SourceLine | None) -> Use:
    """Return who asks for something, with the line of the model's own source if that is known."""
    if line is None:
        return Use(model, method)
    return Use(model, method, safe(f"{PurePath(line.file).name}:{line.line}"), safe(line.text))


def safe(text: str) -> str:
    """Return text out of a model, safe and short enough to print."""
    cut = text if len(text) <= _WIDTH else text[:_WIDTH] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]
