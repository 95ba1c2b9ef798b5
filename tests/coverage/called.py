"""Operators that TorchScript of today writes no more, or writes as an instruction: old models call them.

PyTorch's list of what production models call has them. Each is called by its name in a lite model that
is made by hand; desktop torch answers with its own lite interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from builder.libtorch.codegen import pinned_catalogue
from builder.vocabulary.operators import OperatorName
from tests.coverage.values import Arguments, Coverage, integers, numbers, positive
from tests.unit.models.forge import archive, called, function, lite, module, pickled

_LISTS: Final = {int: "build_intlist", float: "build_doublelist", bool: "build_boollist"}
_FORMAT: Final = OperatorName.parse("aten::format")
"""What takes any number of arguments, though the catalogue has no schema of it."""
_VARIADIC: Final = {_FORMAT}.union(
    name for name, entry in pinned_catalogue("2.6.0").entries.items() if "..." in entry.schema
)
_NAMES: Final = {int: "int", float: "float", bool: "bool", str: "str", Tensor: "Tensor"}

CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Call:
    """One call by name; the arguments may be calls, too, and lists of calls."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Built:
    """A list or a dict that the bytecode builds, of a type written as bytecode does: `List[bool]`.

    What a call makes of it is part of the answer: `shown` is an operator that tells of it, where it
    is no value that can be compared.
    """

    kind: str
    items: list[Any] | dict[Any, Any]
    shown: str = ""


def call(name: str, *arguments: Any) -> Call:
    return Call(name, arguments)


def results_of(name: OperatorName) -> int:
    """Return how many values an operator leaves, by the schema desktop torch has of it."""
    named = f"{name.namespace}::{name.base}"
    found = [
        len(schema.returns)
        for schema in torch._C._jit_get_schemas_for_operator(named)
        if schema.overload_name == name.overload
    ]
    assert len(found) == 1, f"{name}: {len(found)} schemas"
    return found[0]


def _is_input(value: object) -> bool:
    """Tensors come from outside, and so do lists and dicts, which a call may change."""
    return isinstance(value, Tensor | dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Tensor | str)
    )


def _type_of(value: object) -> str:
    match value:
        case dict():
            ((key, item), *_) = value.items()
            return f"Dict[{_NAMES[type(key)]}, {_NAMES[type(item)]}]"
        case [first, *_]:
            return f"List[{_NAMES[type(first)]}]"
        case _:
            return _NAMES[type(value)]


def _constant(value: object) -> Any:
    match value:
        case torch.device():
            return called("torch", "device", str(value))
        case complex():
            return called("builtins", "complex", value.real, value.imag)
        case list():
            kind = type(value[0]) if value else int
            return called("torch.jit._pickle", _LISTS[kind], value)
        case _:
            return value


class _Code:
    """The bytecode of one method, as it grows."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.constants: list[Any] = []
        self.operators: list[tuple[str, str, int]] = []
        self.body: list[tuple[str, int, int]] = []
        self.types = ["List[Tensor]"]
        self.built: list[Built] = []
        self.answers = 0

    def push(self, value: object) -> None:
        if isinstance(value, Call):
            assert self.run(value) == 1
        elif isinstance(value, list) and value and isinstance(value[0], Call):
            for item in value:
                self.push(item)
            self.body.append(("LIST_CONSTRUCT", 0, len(value)))
        elif isinstance(value, Built):
            self.build(value)
        elif isinstance(value, tuple):
            for item in value:
                self.push(item)
            self.body.append(("TUPLE_CONSTRUCT", len(value), 0))
        elif _is_input(value):
            if not any(value is it for it in self.inputs):
                self.inputs.append(value)
            (place,) = (at for at, it in enumerate(self.inputs) if it is value)
            self.body.append(("LOAD", 2 + place, 0))
        else:
            self.constants.append(_constant(value))
            self.body.append(("LOADC", len(self.constants) - 1, 0))

    def build(self, value: Built) -> None:
        """Push a container, and keep it in a register of its own."""
        if isinstance(value.items, dict):
            parts = [part for pair in value.items.items() for part in pair]
            instruction = "DICT_CONSTRUCT"
        else:
            parts, instruction = value.items, "LIST_CONSTRUCT"
        for part in parts:
            self.push(part)
        self.types.append(value.kind)
        self.body.append((instruction, len(self.types) - 1, len(parts)))
        self.built.append(value)
        self.body += [("STORE", -len(self.built), 0), ("LOAD", -len(self.built), 0)]

    def show(self, value: Built) -> None:
        """Answer with a container that was built before."""
        (place,) = (at for at, it in enumerate(self.built) if it is value)
        self.body.append(("LOAD", -1 - place, 0))
        if value.shown:
            name = OperatorName.parse(value.shown)
            self.operators.append((f"{name.namespace}::{name.base}", name.overload, 1))
            self.body.append(("OP", len(self.operators) - 1, 0))
        self.answers += 1

    def run(self, wanted: Call) -> int:
        """Add a call; return how many values it leaves."""
        for argument in wanted.arguments:
            self.push(argument)
        name, count = OperatorName.parse(wanted.name), len(wanted.arguments)
        self.operators.append((f"{name.namespace}::{name.base}", name.overload, count))
        # operators of any number of arguments are told how many they get
        told = ("OPN", len(self.operators) - 1, count) if name in _VARIADIC else None
        self.body.append(told or ("OP", len(self.operators) - 1, 0))
        return results_of(name)

    def answer(self, wanted: Call) -> None:
        """Add a call whose results, or else what it changes, are part of the answer."""
        results = self.run(wanted)
        for it in wanted.arguments:
            if isinstance(it, Built):
                self.show(it)
        if not results and _is_input(wanted.arguments[0]):
            self.body.append(("LOAD", 1 + len(self.inputs), 0))
            results = 1
        self.answers += results

    def method(self) -> Any:
        count = 1 + len(self.inputs)
        ends = (("TUPLE_CONSTRUCT", self.answers, 0), ("RET", 0, 0))
        # registers of what is built come after those of the inputs, whose number was not known
        body = tuple((word, count - x if x < 0 else x, n) for word, x, n in self.body)
        return function(
            operators=tuple(self.operators),
            instructions=(("STOREN", 1, count), *body, *ends),
            constants=tuple(self.constants),
            types=tuple(self.types),
            takes=tuple(map(_type_of, self.inputs)),
            kept=len(self.built),
        )


def _written(calls: Sequence[Call]) -> _Code:
    code = _Code()
    for each in calls:
        code.answer(each)
    return code


def lite_model(calls: Sequence[Call]) -> bytes:
    """Return a lite model whose `forward` makes the calls and answers with a tuple of all results."""
    records = {key: it for key, it in lite().items() if not key.startswith(("code/", "data/"))}
    records["data.pkl"] = module(version=1)
    records["bytecode.pkl"] = pickled((8, _written(calls).method()))
    return archive(records)


def inputs(calls: Sequence[Call]) -> Arguments:
    """Return the arguments its `forward` is given."""
    return tuple(_written(calls).inputs)


X: Final = numbers(2, 3)
IMAGE: Final = numbers(1, 2, 4, 4)
KERNEL: Final = numbers(3, 2, 2, 2)
BIAS: Final = numbers(3)
BYTES: Final = torch.arange(6, dtype=torch.uint8).reshape(2, 3)
DOUBLE, QINT8, QUINT8, STRIDED = 7, 12, 13, 0
"""Scalar types and a layout, as numbers: that is what bytecode has."""

_CONVOLVED: Final = (
    IMAGE,
    KERNEL,
    BIAS,
    [1, 1],
    [0, 0],
    [1, 1],
    False,
    [0, 0],
    1,
    False,
    False,
    True,
)

NUMBERS: Final = (
    call("aten::Float.str", "1.5"), call("aten::Int.Scalar", 2.7), call("aten::Int.str", "12"),
    call("aten::ScalarImplicit", torch.tensor(4)), call("aten::add", 1, 2.5), call("aten::sub", 1, 2.5),
    call("aten::eq", 2, 2.0), call("aten::lt", 1, 2.5), call("aten::add.int_float", 2, 3.5),
    call("aten::sub.int_float", 2, 3.5), call("aten::sub.float", 2.5, 1.0),
    call("aten::ne.float_int", 2.5, 2), call("aten::ne.int_float", 2, 2.0), call("aten::pow.int", 2, 3),
    call("aten::pow.int_float", 2, 0.5), call("aten::round.Scalar", 2.5), call("aten::round.float", 3.5),
    call("prim::min", 3, 2.5), call("aten::ord", "a"), call("aten::format", "{} and {}", 1, "two"),
    call("aten::__is__", None, None), call("aten::__isnot__", 1, None), call("aten::__not__", True),
    call("aten::__getitem__.Dict_int", {1: 10, 2: 20}, 2), call("aten::__getitem__.Dict_str", {"a": 1}, "a"),
    call("aten::values.int", {1: 10, 2: 20}), call("aten::clear.str", {"a": 1}),
    call("prim::TupleIndex", (5, "six"), 1), call("prim::NumToTensor.Scalar", 3),
    call("aten::_infer_size", [2, 1], [1, 3]),
)  # fmt: skip

TENSORS: Final = (
    call("aten::_aminmax", X), call("aten::dim", X), call("aten::item", torch.tensor(2.5)),
    call("aten::numpy_T", X), call("aten::resolve_neg", X), call("prim::abs", X), call("aten::str", call("prim::device", X)),
    call("prim::dtype", X), call("aten::nan_to_num_", X.clone(), 0.0, None, None), call("aten::unsqueeze_", X.clone(), 0),
    call("aten::_convolution", *_CONVOLVED, True), call("aten::_convolution.deprecated", *_CONVOLVED),
    call("aten::_reshape_from_tensor", X, torch.tensor([3, 2])), call("aten::_shape_as_tensor", X),
    call("aten::constant_pad_nd", X, [1, 1], 0.5), call("aten::copy_.Tensor", X.clone(), X * 2),
    call("aten::copy_.int", X.clone(), 3), call("aten::feature_dropout", X, 0.5, False),
    call("aten::fill_.Tensor", X.clone(), torch.tensor(2.0)), call("aten::frobenius_norm.dim", X, [1], False),
    call("aten::meshgrid", [torch.arange(3), torch.arange(2)]), call("aten::nll_loss", X.log_softmax(1), torch.tensor([0, 2]), None, 1, -100),
    call("aten::nll_loss2d", IMAGE.log_softmax(1), integers(1, 4, 4, below=2), None, 1, -100),
    call("aten::reflection_pad2d", IMAGE, [1, 1, 1, 1]), call("aten::replication_pad1d", IMAGE[0], [1, 2]),
    call("aten::replication_pad2d", IMAGE, [1, 0, 2, 1]), call("aten::replication_pad3d", IMAGE[None], [1, 0, 2, 1, 1, 1]),
    call("aten::requires_grad_", X.clone(), False), call("aten::resize_as_", X.clone(), numbers(3, 2), None),
    call("aten::rsub.Scalar", X, 2, 1.5), call("aten::scatter_.src", X.clone(), 1, torch.tensor([[0], [2]]), numbers(2, 1)),
    call("aten::scatter_add_", X.clone(), 1, torch.tensor([[0], [2]]), numbers(2, 1)), call("aten::set_.source_Tensor", X.clone(), BIAS),
    call("aten::split_with_sizes", X, [1, 2], 1), call("aten::sub_.Tensor", X.clone(), positive(2, 3), 2.0),
    call("aten::tensor_split.indices", X, [1], 1), call("aten::to.device", X, CPU, DOUBLE, False, False, None),
    call("aten::to.dtype_layout", X, DOUBLE, STRIDED, CPU, False, False, False, None), call("aten::to.prim_dtype", X, DOUBLE, False, False),
    call("aten::true_divide.Tensor", X, positive(2, 3)), call("aten::where.ScalarOther", X > 0, X, 2.0),
    call("aten::zeros.out", [2, 2], X.clone()),
)  # fmt: skip

CAPABILITY: Final = call("aten::_get_cpu_capability")
SPECIAL: Final = (
    call("aten::split", X, [1, 2], 1), call("aten::_infer_size", [3, 1], [1, 2]),
    call("aten::tensor.bool", True, None, None, False), call("aten::tensor.int", 7, None, None, False),
    call("aten::tensor.float", 2.5, None, None, False), call("aten::tensor.float", 2.5, DOUBLE, CPU, False),
    call("aten::as_tensor.bool", False, None, None), call("aten::as_tensor.int", 7, DOUBLE, None),
    call("aten::as_tensor.float", 2.5, None, None),
    call("aten::tensor", [1, 2, 3], None, None, False), call("aten::tensor", [0.5, 2.0], DOUBLE, CPU, False),
    call("aten::as_tensor", X, DOUBLE, None), call("aten::as_tensor.list", [True, False], None, None),
    call("aten::_no_grad_embedding_renorm_", numbers(4, 3), torch.tensor([0, 2]), 1.0, 2.0),
    call("aten::_no_grad_fill_", X.clone(), 1.5), call("aten::_no_grad_zero_", X.clone()),
    call("aten::manual_seed", 7), call("aten::_no_grad_uniform_", X.clone(), -1.0, 1.0, None),
    call("aten::_no_grad_normal_", X.clone(), 1.0, 2.0),
    call("aten::_pack_sequence", X, torch.tensor([2, 1]), None, None),
    call("aten::is_scripting"), call("aten::_get_tracing_state"),
    call("aten::is_grad_enabled"), call("aten::set_grad_enabled", True), call("aten::is_grad_enabled"),
    call("aten::ge.int", call("aten::len.str", CAPABILITY), 1),
)  # fmt: skip
"""The operators of register_special_ops.cpp. Not those of complex numbers, which need other kernels, and
not `has_torch_function`, which leaves what it is given on the stack, in desktop torch too."""

MADE: Final = call("aten::_make_per_tensor_quantized_tensor", BYTES, 0.1, 2)
MEASURED: Final = call(
    "aten::quantize_per_tensor.tensor_qparams", X, torch.tensor(0.1), torch.tensor(3), QUINT8
)
PIXELS: Final = call("aten::quantize_per_tensor", IMAGE, 0.05, 10, QUINT8)
WEIGHT: Final = call("aten::quantize_per_tensor", KERNEL, 0.02, 0, QINT8)
PACKED: Final = call("quantized::conv_prepack", WEIGHT, BIAS, [1, 1], [0, 0], [1, 1], 1)
QUANTIZED: Final = (
    call("aten::dequantize.self", call("quantized::conv2d", PIXELS, PACKED, [1, 1], [0, 0], [1, 1], 1, 0.1, 20)),
    call("aten::dequantize.tensor", MADE), call("aten::dequantize.self", MEASURED), call("aten::dequantize.list", [MADE, MEASURED]),
    call("aten::dequantize.any", [MADE, MEASURED]),
    call("aten::dequantize.self", call("aten::quantize_per_tensor_dynamic", X, QUINT8, False)),
)  # fmt: skip


def _with_qnnpack() -> bytes:
    torch.backends.quantized.engine = (
        "qnnpack"  # what it packs is for the engine that runtimes have
    )
    return lite_model(QUANTIZED)


SUITE: Final = (
    Coverage("called_numbers", lambda: lite_model(NUMBERS), lambda: [inputs(NUMBERS)]),
    Coverage("called_tensors", lambda: lite_model(TENSORS), lambda: [inputs(TENSORS)]),
    Coverage("called_special", lambda: lite_model(SPECIAL), lambda: [inputs(SPECIAL)]),
    Coverage(
        "called_raise",
        lambda: lite_model([call("prim::RaiseException", "said by the model", None)]),
        lambda: [()],
    ),
)
QUANTIZED_SUITE: Final = (Coverage("called_quantized", _with_qnnpack, lambda: [inputs(QUANTIZED)]),)
