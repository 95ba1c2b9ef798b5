"""Operators, and what a set of models asks for: names with overloads, with their provenance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(
    r"(?P<namespace>[A-Za-z_]\w*)::(?P<base>[A-Za-z_]\w*)(?:\.(?P<overload>\w+))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class OperatorName:
    """An operator as TorchScript spells it, `namespace::base.overload`."""

    namespace: str
    base: str
    overload: str = ""

    @staticmethod
    def parse(text: str) -> OperatorName:
        """Read `aten::add.Tensor`; raise `ValueError` on anything else."""
        match = _NAME.fullmatch(text)
        if match is None:
            expected = "namespace::name or namespace::name.overload"
            message = f"not an operator name: {text!r} (expected {expected})"
            raise ValueError(message)
        return OperatorName(match["namespace"], match["base"], match["overload"] or "")

    def __str__(self) -> str:
        """Return the text `parse` reads."""
        suffix = f".{self.overload}" if self.overload else ""
        return f"{self.namespace}::{self.base}{suffix}"


@dataclass(frozen=True, slots=True, order=True)
class SourceLine:
    """A line of the Python the model was made of, as its debug information tells.

    `file` is the path on the exporting machine, `line` counts from 1, `text` is the line without
    its indentation; traced models keep no text, only the function's name in its place.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class OperatorUse:
    """One operator that a method of the bytecode names.

    `arguments`: how many it passes, None when not recorded. `calls`: how many instructions call it;
    zero is possible, yet the runtime must know the operator to load the model. `lines`: from where
    in the model's own source, outermost library code apart; empty without debug information.
    """

    name: OperatorName
    arguments: int | None = None
    calls: int = 1
    lines: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class SelectedOperator:
    """One root operator with its provenance: the names of the models that call it."""

    name: OperatorName
    models: tuple[str, ...] = ()


CONVOLUTION_3X3: Final = "convolution_3x3"
"""Packed 3x3 convolutions of stride 1 that gain by Winograd's algorithm."""

LAYERS: Final = frozenset({CONVOLUTION_3X3})
"""All kinds of stored layers for which there are kernels that others do not need."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Everything the models ask for together. A union: associative, commutative, idempotent.

    `opcodes` are the instructions of the bytecode, such as `FORMAT`. `upgraders`: some model is so
    old that an operator it calls has to be replaced by a function with its former meaning.
    `layers` are those of `LAYERS` that are stored.

    `operators` are sorted, one entry for each name, in whatever order they are given: equal
    selections are equal values, and give equal text and equal fingerprints.
    """

    operators: tuple[SelectedOperator, ...] = ()
    classes: frozenset[str] = frozenset()
    dtypes: frozenset[str] = frozenset()
    opcodes: frozenset[str] = frozenset()
    upgraders: bool = False
    layers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Bring the operators into their one order."""
        models: dict[OperatorName, set[str]] = {}
        for operator in self.operators:
            models.setdefault(operator.name, set()).update(operator.models)
        merged = (SelectedOperator(name, tuple(sorted(models[name]))) for name in sorted(models))
        object.__setattr__(self, "operators", tuple(merged))

    @property
    def names(self) -> frozenset[OperatorName]:
        """The root operators without provenance."""
        return frozenset(operator.name for operator in self.operators)

    def __or__(self, other: Selection) -> Selection:
        """Return the union of both selections, with the models of each operator merged."""
        return Selection(
            operators=self.operators + other.operators,
            classes=self.classes | other.classes,
            dtypes=self.dtypes | other.dtypes,
            opcodes=self.opcodes | other.opcodes,
            upgraders=self.upgraders or other.upgraders,
            layers=self.layers | other.layers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a runtime can do, told without running it.

    `operators` are all that are registered, those of the interpreter itself among them, with the
    number of arguments each takes at most (None: any number). `opcodes` are the instructions of the
    bytecode it runs; `left_out` are the features that were
    cut, by the names of `cuts.toml`. `dtypes` are those of the kernels (`Float`), with those of
    tensors the models store. `upgraders`: it has the functions that stand in for operators of old
    models. Versions are the lowest and the highest it reads.
    """

    operators: tuple[OperatorUse, ...]
    classes: frozenset[str]
    dtypes: frozenset[str]
    opcodes: frozenset[str]
    left_out: frozenset[str]
    upgraders: bool
    bytecode_versions: tuple[int, int]
    operator_versions: tuple[int, int]
