"""What the lite interpreter of a release reads and runs, and what to do about what it does not."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final

from builder.foundation.resources import DATA
from builder.libtorch.kernels import known_classes
from builder.vocabulary.operators import OperatorName

_ADVICE: Final = DATA / "advice.toml"


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A library that is not linked; `operators` matches those that fail whenever they run."""

    library: str
    operators: re.Pattern[str]
    do: str


class Takes(StrEnum):
    """How many values an operator takes from the stack, where that differs from call to call."""

    COUNTED = "counted"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Promoted:
    """What an operator of the interpreter's own takes from the stack and puts there."""

    takes: int | Takes
    gives: int


@dataclass(frozen=True, slots=True)
class Packing:
    """A custom class that packs weights when a model is loaded: those of `dtypes` and no others."""

    name: str
    dtypes: frozenset[str]
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Facts of one release. Versions are the lowest and the highest that it reads.

    `instructions` are those of the bytecode that it runs, `classes` the custom (TorchBind) classes
    that can be linked, as `namespace.Name`. `promoted` are its own operators, by their full names,
    and `packings` the classes that are choosy about weights.
    """

    version: str
    bytecode: tuple[int, int]
    operator_sets: tuple[int, int]
    instructions: frozenset[str]
    classes: frozenset[str]
    unlinked: tuple[Unlinked, ...] = ()
    promoted: Mapping[str, Promoted] = field(default_factory=dict)
    packings: tuple[Packing, ...] = ()

    def needs(self, name: OperatorName) -> Unlinked | None:
        """Return the library an operator needs and cannot have, if that is so."""
        text = f"{name.namespace}::{name.base}"
        return next((it for it in self.unlinked if it.operators.fullmatch(text)), None)


@dataclass(frozen=True, slots=True)
class Advice:
    """Where an operator, a class or an instruction comes from, and what to do without it."""

    do: str
    what: str = ""


def read_interpreter(version: str) -> Interpreter:
    """Return the facts of a release that `builder/data` describes."""
    table = tomllib.loads((DATA / version / "interpreter.toml").read_text(encoding="utf-8"))
    (oldest, newest), (first, last) = table["bytecode"], table["operator_sets"]
    return Interpreter(
        version,
        (oldest, newest),
        (first, last),
        frozenset(table["instructions"]),
        frozenset(it.name for it in known_classes()),
        tuple(
            Unlinked(row["library"], re.compile("|".join(row["operators"])), row["do"])
            for row in table["unlinked"]
        ),
        {
            name: Promoted(takes if isinstance(takes, int) else Takes(takes), gives)
            for name, (takes, gives) in table["promoted"].items()
        },
        tuple(
            Packing(row["class"], frozenset(row["dtypes"]), row["why"], row["do"])
            for row in table["packing"]
        ),
    )


def namespace_advice(namespace: str) -> Advice:
    """Return what is known about a namespace that is no part of a source; there is always some."""
    if (known := _advice("namespaces").get(namespace)) is not None:
        return known
    return Advice(
        "name the C++ that registers it: --ops-source FILE.cpp; or write the operation with"
        " PyTorch's own operators",
        f"a library of the namespace {namespace}",
    )


def class_advice(namespace: str) -> Advice:
    """Return what is known about a namespace whose custom class a runtime cannot have."""
    advice = namespace_advice(namespace)
    if namespace in _advice("namespaces"):
        return advice
    return Advice("give its state as tensors and numbers to operators", advice.what)


def operator_advice(name: str) -> Advice | None:
    """Return what is known about one operator (`prim::mkldnn_convolution`) of a known namespace."""
    found = (row for row in _table()["operators"] if re.fullmatch(row["names"], name))
    return next((Advice(row["do"], row["what"]) for row in found), None)


def desktop_namespaces() -> frozenset[str]:
    """Return the namespaces of operators and custom classes that desktop torch has by itself."""
    return frozenset(_table()["desktop"])


def instruction_advice(name: str) -> Advice:
    """Return what to do without an instruction of the bytecode."""
    return _advice("instructions").get(name) or Advice(
        "export the model again with _save_for_lite_interpreter"
    )


@cache
def _advice(kind: str) -> Mapping[str, Advice]:
    return {name: Advice(row["do"], row.get("what", "")) for name, row in _table()[kind].items()}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(_ADVICE.read_text(encoding="utf-8"))
