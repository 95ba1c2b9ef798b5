"""From models to the operators a runtime holds: a union with provenance."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from builder.libtorch.catalogue import Catalogue
from builder.libtorch.cuts import special_backends
from builder.vocabulary.dtypes import DEFAULT_DTYPES, KNOWN_DTYPES, QUANTIZED_DTYPES
from builder.vocabulary.models import Model
from builder.vocabulary.operators import OperatorName, SelectedOperator, Selection
from builder.vocabulary.plan import Profile

_MAKES_COMPLEX: Final = re.compile(
    r"_?fft_(?!i?fftshift|r?fftfreq)\w+|i?stft|complex|polar|view_as_complex"
)
"""Operators that make complex tensors out of real ones, or inside of themselves."""

_REBUILDS_SPARSE: Final = OperatorName("aten", "_sparse_coo_tensor_unsafe")

UPGRADED: Final[Mapping[str, tuple[int, int]]] = {
    "aten::div.Scalar": (3, 2),
    "aten::div.Scalar_mode": (3, 3),
    "aten::div.Tensor": (3, 2),
    "aten::div.Tensor_mode": (3, 3),
    "aten::div.out": (3, 3),
    "aten::div.out_mode": (3, 4),
    "aten::div_.Scalar": (3, 2),
    "aten::div_.Scalar_mode": (3, 3),
    "aten::div_.Tensor": (3, 2),
    "aten::div_.Tensor_mode": (3, 3),
    "aten::gelu": (9, 1),
    "aten::gelu.out": (9, 2),
    "aten::linspace": (7, 7),
    "aten::linspace.out": (7, 4),
    "aten::logspace": (8, 8),
    "aten::logspace.out": (8, 5),
}
"""Operators that changed: the last operator-set version with their former meaning, and how many
arguments the function takes that stands in for it (PyTorch 2.6,
torch/csrc/jit/mobile/upgrader_mobile.cpp)."""


def upgraded_arguments(name: OperatorName, version: int) -> int | None:
    """Return how many arguments what stands in for an operator takes; None if nothing does."""
    last, arguments = UPGRADED.get(str(name), (-1, 0))
    return arguments if version <= last else None


def upgrader_operators(model: Model) -> frozenset[OperatorName]:
    """Return what the functions call that stand in for old operators of a model; often nothing."""
    found: set[OperatorName] = set()
    for name in model.operators:
        if upgraded_arguments(name, model.operator_version) is None:
            continue
        found.add(name)
        if name.base in ("div", "div_"):
            mode = name.overload.removesuffix("_mode") + "_mode"
            found |= {replace(name, overload=mode), OperatorName("aten", "is_floating_point")}
        elif name.base == "linspace":
            found.add(OperatorName("aten", "full", "names"))
    return frozenset(found)


def loading_operators(model: Model) -> frozenset[OperatorName]:
    """Return what loading a model calls: one operator if it stores sparse tensors."""
    return frozenset({_REBUILDS_SPARSE}) if model.sparse else frozenset()


def select(models: Iterable[Model]) -> Selection:
    """Return the union of what the models call, and which model calls what."""
    union = Selection()
    for model in models:
        upgrading = upgrader_operators(model)
        union |= Selection(
            operators=tuple(
                SelectedOperator(name, (model.name,))
                for name in model.operators | upgrading | loading_operators(model)
            ),
            classes=model.classes,
            dtypes=model.dtypes | model.run_dtypes | (model.argument_dtypes - DEFAULT_DTYPES),
            upgraders=bool(upgrading),
            opcodes=frozenset(opcode for method in model.methods for opcode in method.opcodes),
            layers=model.layers,
        )
    return union


def makes_complex(selection: Selection) -> bool:
    """Whether an operator makes complex numbers where a model stores none."""
    return any(
        name.namespace == "aten" and _MAKES_COMPLEX.fullmatch(name.base) for name in selection.names
    )


def make_profile(selection: Selection, dtypes: frozenset[str] | None) -> Profile:
    """Return the profile: the given dtypes, or the default ones with those the models need.

    What makes complex numbers needs them: `ComplexFloat`, the one that floats turn into.
    Where quantized or sparse tensors may be met, calls between operators are resolved for them too;
    this costs dense float models nothing, as they have another profile.
    """
    special = special_backends(selection)
    backends = ("CPU", *special)
    needed = QUANTIZED_DTYPES if "QuantizedCPU" in special else frozenset[str]()
    if makes_complex(selection):
        needed |= {"ComplexFloat"}
    if dtypes is not None:
        return Profile(dtypes | needed, backends)
    return Profile(DEFAULT_DTYPES | needed | (selection.dtypes & KNOWN_DTYPES), backends)


def with_classes(selection: Selection, catalogue: Catalogue) -> Selection:
    """Add the custom classes that the selected operators take or make.

    Models that pack their weights when they are loaded name the operator alone.
    """
    named = [catalogue.entries[name].classes for name in selection.names]
    return replace(selection, classes=selection.classes.union(*named))
