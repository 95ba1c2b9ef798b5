"""Every operator of register_prim_ops.cpp, each called by its name with arguments its schema asks for.

Most are numbers, texts and containers of Python, which TorchScript compiles a program's own arithmetic
to. Models name those that the program needs, whatever its types: none is rare in itself.
"""

from __future__ import annotations

import re
from typing import Any, Final

import torch

from builder.libtorch.catalogue import OperatorEntry, split_arguments
from builder.libtorch.codegen import pinned_catalogue
from tests.coverage.called import Built, Call, call, inputs, lite_model
from tests.coverage.values import Coverage, numbers

REGISTRAR: Final = "torch/csrc/jit/runtime/register_prim_ops.cpp"

OURS: Final = "native:src/operators/"
"""Where those are that we implement ourselves, as LibTorch's do not work on phones."""

X: Final = numbers(2, 2)
ONE, TWO = torch.tensor(1.25), torch.tensor(-0.5)

ROW: Final = torch.tensor([1])
CONTIGUOUS: Final = 0
"""A memory format, as the number that bytecode has."""


def _rows() -> Built:
    return Built("List[Tensor]", [ROW])


BY_HAND: Final[dict[str, tuple[Any, ...]]] = {
    "aten::Float.str": ("1.5",),
    "aten::Int.str": ("12",),
    "aten::IntImplicit": (torch.tensor(4),),
    "aten::ScalarImplicit": (torch.tensor(4),),
    "aten::_index_put_impl_.hacked_twin": (X.clone(), _rows(), numbers(1, 2), False, False),
    "aten::_tensor_to_list": (torch.tensor([3, 1], dtype=torch.int32),),
    "aten::_unsafe_index.Tensor_hacked_twin": (X, _rows()),
    "aten::_unsafe_index_put.hacked_twin": (X, _rows(), numbers(1, 2), False),
    "aten::_unwrap_optional": (3,),
    "aten::device": ("cpu",),
    "aten::einsum.sublist": (X, [0, 1], X, [1, 2], [0, 2]),
    "aten::format": ("{} and {}", 1, "two"),
    "aten::get_autocast_dtype": ("cpu",),
    "aten::index.Tensor_hacked_twin": (X, _rows()),
    "aten::index.str": ("b a", "a", 0, 3),
    "aten::index_put.hacked_twin": (X, _rows(), numbers(1, 2), False),
    "aten::index_put_.hacked_twin": (X.clone(), _rows(), numbers(1, 2), False),
    "aten::is_contiguous.memory_format": (X, CONTIGUOUS),
    "aten::is_strides_like_format": (numbers(1, 2, 3, 4), CONTIGUOUS),
    "aten::len.Tensor": (X,),
    "aten::mH.a": (X,),
    "aten::mT.a": (X,),
    "aten::matrix_H.a": (X,),
    "aten::numpy_T.a": (X,),
    "aten::ord": ("a",),
    "aten::percentFormat": ("%s and %d", ("one", 2)),
    "aten::rindex": ("b a", "a", 0, 3),
    "aten::sort.any": (Built("List[Tuple[int, int]]", [(2, 1), (1, 3), (1, 2)]), True),
    "aten::sorted.any": (Built("List[Tuple[int, int]]", [(2, 1), (1, 3), (1, 2)]),),
    "onnx::Reshape": (X, torch.tensor([4])),
    "prim::AutogradAdd": (X, X),
    "prim::AutogradAllNonZero": (X, ONE),
    "prim::AutogradAllZero": (X, ONE),
    "prim::AutogradAnyNonZero": (X, ONE),
    "prim::BroadcastSizes": ([2, 1], [1, 3]),
    "prim::Print": ("printed",),
    "prim::ReductionSizes": ([2, 3], [1], False),
    "prim::VarConcat": (X, X, 1),
    "prim::VarStack": (X, X, 1),
}
"""Arguments of operators that take any number of them, or few of the values their types have."""

_ENUMERATION: Final = "a lite model has no enumerations"
_GENERATOR: Final = "a generator is made when a model runs, and is no value that can be compared"
_PAIRS_OF_ANY: Final = (
    "torch's own lite interpreter fails, as a list it builds has no type; TorchScript writes a loop"
)
_GRADIENTS: Final = "runtimes have no gradients"

UNCALLED: Final[dict[str, str]] = {
    "aten::Generator": _GENERATOR,
    "aten::backward": _GRADIENTS,
    "aten::cuda": "runtimes are for the CPU",
    "aten::dequantize.any": "needs quantized tensors: called.py",
    "aten::dequantize.list": "needs quantized tensors: called.py",
    "aten::device.with_index": "torch takes the arguments in the wrong order, and fails",
    **{
        f"aten::dict.{it}": _PAIRS_OF_ANY
        for it in ("Tensor", "bool", "complex", "float", "int", "str")
    },
    "aten::eq.enum": _ENUMERATION,
    "aten::initial_seed": _GENERATOR,
    "aten::manual_seed.generator": _GENERATOR,
    "aten::ne.enum": _ENUMERATION,
    "aten::seed": _GENERATOR,
    "aten::warn": "an instruction of the bytecode: language.py",
    "prim::AutogradZero": _GRADIENTS,
    "prim::EnumName": _ENUMERATION,
    "prim::EnumValue.float": _ENUMERATION,
    "prim::EnumValue.int": _ENUMERATION,
    "prim::EnumValue.str": _ENUMERATION,
    "prim::ModuleContainerIndex.list": "needs a module within a module: language.py",
    "prim::TupleUnpack": "leaves as many values as the tuple has: language.py",
    "prim::grad": _GRADIENTS,
}
"""Operators that are not called here, and why."""

_SCALARS: Final[dict[str, tuple[Any, Any]]] = {
    "int": (3, 2),
    "float": (0.75, 0.5),
    "complex": (0.5 + 0.25j, 1.5 - 0.5j),
    "bool": (True, False),
    "str": ("b a", "a"),
    "Scalar": (0.75, 0.5),
    "Tensor": (ONE, TWO),
    "Device": (torch.device("cpu"), torch.device("cpu")),
}
"""Two values of each type: a first argument, and the others."""

_KEYS: Final[dict[str, dict[Any, int]]] = {
    "int": {3: 10, 2: 20},
    "float": {0.75: 10, 0.5: 20},
    "complex": {0.5 + 0.25j: 10, 1.5 - 0.5j: 20},
    "bool": {True: 10, False: 20},
    "str": {"b a": 10, "a": 20},
    "Tensor": {ONE: 10, TWO: 20},
}


def arguments(entry: OperatorEntry) -> tuple[Any, ...]:
    """Return what an operator is called with: by hand, or from the types in its schema."""
    by_hand = BY_HAND.get(str(entry.name))
    if by_hand is not None:
        return by_hand
    pieces = (_DEFAULT.sub("", it).replace(" [", "[") for it in split_arguments(entry.schema))
    return tuple(
        _argument(_ALIAS.sub("", it).rpartition(" ")[0].strip(), place)
        for place, it in enumerate(pieces)
    )


_DEFAULT: Final = re.compile(r"\s*=.*")
_ALIAS: Final = re.compile(r"\((?:\w!?|\w -> \*|\w\|\w)\)")
_DICT: Final = re.compile(r"Dict\((\w+), t(?:Val)?\)")
_PAIRS: Final = re.compile(r"\((\w+), tVal\)\[\]")


def _argument(kind: str, place: int) -> Any:
    """Return the argument of a type at a place: later ones differ from the first."""
    if found := _DICT.fullmatch(kind):
        key = found[1]
        shown = "" if key in {"int", "str"} else f"aten::values.{key}"
        return Built(f"Dict[{_written(key)}, int]", _KEYS[key], shown)
    if found := _PAIRS.fullmatch(kind):
        key = found[1]
        return Built(f"List[Tuple[{_written(key)}, int]]", list(_KEYS[key].items()))
    if kind.endswith("[]"):
        item = kind.removesuffix("[]")
        return Built(f"List[{_written(item)}]", [_of(item, it) for it in (0, 1, 0)])
    return None if kind.endswith("?") else _of(kind, min(place, 1))


def _of(kind: str, place: int) -> Any:
    return _SCALARS[{"t": "int", "Any": "int"}.get(kind, kind)][place]


def _written(kind: str) -> str:
    """Return a type of a schema as bytecode writes it."""
    return {"t": "int", "Any": "Any", "Scalar": "number"}.get(kind, kind)


def calls() -> tuple[Call, ...]:
    """Return a call of each operator that can be called."""
    return tuple(
        call(str(entry.name), *arguments(entry))
        for entry in pinned_catalogue("2.6.0").entries.values()
        if entry.registrar == REGISTRAR or entry.source.startswith(OURS)
        if str(entry.name) not in UNCALLED
    )


SUITE: Final = (
    Coverage("called_registered", lambda: lite_model(calls()), lambda: [inputs(calls())]),
)
