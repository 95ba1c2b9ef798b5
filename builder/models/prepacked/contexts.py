"""The classes of packed weights: which operator runs each, what its state is, and what is forged.

A context is stored as the tuple it was made of: weight, bias, numbers of the operator, limits of
its results. Source: `aten/src/ATen/native/xnnpack/OpContext.h` and `RegisterOpContextClass.cpp`.
XNNPACK packs when a model is loaded, so the layout of the files does not change with it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.models.formats.faults import MalformedError
from builder.models.formats.pickle_values import Call, Tensor
from builder.vocabulary.operators import CONVOLUTION_3X3, OperatorName

NAMESPACE: Final = "__torch__.torch.classes.xnnpack"
OPERATORS: Final = "prepacked"
"""The namespace of the operators that make and run contexts."""

_EXPORT_AGAIN: Final = "export the model again, with or without optimize_for_mobile"
_LARGEST: Final = 1 << 20  # a stride, a padding, a dilation
_WIDE: Final = 4  # dimensions of the weight of a convolution


@dataclass(frozen=True, slots=True)
class Context:
    """A class of packed weights. `run` is the operator that runs it, without its namespace.

    `fields` name the members of its state in order, `plain` is the operator it packs.
    """

    name: str
    run: str
    fields: tuple[str, ...]
    plain: str

    @property
    def qualified(self) -> str:
        """The name that models have for it."""
        return f"{NAMESPACE}.{self.name}"

    @property
    def make(self) -> str:
        """The operator that makes one of the members of its state, without its namespace."""
        return self.run.replace("_run", "_prepack")

    @property
    def state(self) -> str:
        """The TorchScript type of its state."""
        return f"Tuple[{', '.join(_TYPES[it] for it in self.fields)}]"


_TYPES: Final[Mapping[str, str]] = {
    "weight": "Tensor",
    "bias": "Optional[Tensor]",
    "stride": "List[int]",
    "padding": "List[int]",
    "output_padding": "List[int]",
    "dilation": "List[int]",
    "groups": "int",
    "least": "Optional[number]",
    "most": "Optional[number]",
}

LINEAR: Final = Context(
    "LinearOpContext",
    "linear_clamp_run",
    ("weight", "bias", "least", "most"),
    "aten::linear",
)
CONVOLUTION: Final = Context(
    "Conv2dOpContext",
    "conv2d_clamp_run",
    ("weight", "bias", "stride", "padding", "dilation", "groups", "least", "most"),
    "aten::conv2d",
)
TRANSPOSED: Final = Context(
    "TransposeConv2dOpContext",
    "conv2d_transpose_clamp_run",
    (
        "weight", "bias", "stride", "padding", "output_padding", "dilation", "groups", "least",
        "most",
    ),
    "aten::conv_transpose2d",
)  # fmt: skip

CONTEXTS: Final = (LINEAR, CONVOLUTION, TRANSPOSED)
BY_CLASS: Final[Mapping[str, Context]] = {it.qualified: it for it in CONTEXTS}
BY_RUN: Final[Mapping[str, Context]] = {it.run: it for it in CONTEXTS}
NAMES: Final = frozenset(name for it in CONTEXTS for name in (it.run, it.make))
"""The operators on contexts, without their namespace."""


_FEWEST_CHANNELS: Final = 16
_MOST_KERNELS: Final = 256 * 256
_CHANNELS_AT_A_TIME: Final = 4
"""When Winograd's algorithm pays: the numbers of native/src/kernels/winograd.cpp."""

_PACKABLE: Final = frozenset(
    {"conv2d", "conv_transpose2d", "_convolution", "linear", "addmm", "matmul"}
)


def may_gain(operators: Iterable[OperatorName]) -> bool:
    """Tell whether a model that calls these may have weights that can be packed, or are."""
    return any(it.namespace == OPERATORS or it.base in _PACKABLE for it in operators)


def layers_of(objects: Iterable[Call]) -> frozenset[str]:
    """Return which of `LAYERS` are among objects, of which the contexts are sound."""
    contexts = (
        dict(zip(CONVOLUTION.fields, it.state, strict=True))
        for it in objects
        if f"{it.function.module}.{it.function.name}" == CONVOLUTION.qualified
        and isinstance(it.state, tuple)
    )
    return frozenset({CONVOLUTION_3X3}) if any(map(_gains, contexts)) else frozenset()


def _gains(state: Mapping[str, object]) -> bool:
    weight = state["weight"]
    assert isinstance(weight, Tensor)
    outputs, inputs, *kernel = weight.sizes
    return (
        kernel == [3, 3]
        and state["groups"] == 1
        and all(state[it] in ([1], [1, 1]) for it in ("stride", "dilation"))
        and min(inputs, outputs) >= _FEWEST_CHANNELS
        and inputs % _CHANNELS_AT_A_TIME == outputs % _CHANNELS_AT_A_TIME == 0
        and inputs * outputs <= _MOST_KERNELS
    )


def check_context(found: Call) -> None:
    """Raise `MalformedError` for an object of these classes that torch would not have written.

    Objects of other classes are none of our business.
    """
    context = BY_CLASS.get(f"{found.function.module}.{found.function.name}")
    if context is None:
        return
    state = found.state
    if not isinstance(state, tuple) or len(state) != len(context.fields):
        raise MalformedError(
            f"it holds a {context.name} in a layout that no release up to PyTorch 2.6 has",
            hint=_EXPORT_AGAIN,
        )
    fault = next(_faults(context, dict(zip(context.fields, state, strict=True))), None)
    if fault is not None:
        raise MalformedError(
            f"it holds a {context.name} that cannot be: {fault}", hint=_EXPORT_AGAIN
        )


def _faults(context: Context, state: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong with a state. A check may rely on those before it."""
    weight, bias = state["weight"], state["bias"]
    wide = 2 if context is LINEAR else _WIDE
    if not isinstance(weight, Tensor) or len(weight.sizes) != wide or 0 in weight.sizes:
        yield f"its weight is no tensor of {wide} dimensions with elements"
        return
    if weight.storage.dtype != "Float":
        yield f"its weight is {weight.storage.dtype}, not Float"
    for name in ("stride", "dilation", "padding", "output_padding"):
        if name in state and not _are_sizes(state[name], least=0 if "padding" in name else 1):
            yield f"its {name} is not of one or two sizes"
    groups = state.get("groups", 1)
    if type(groups) is not int or not 0 < groups <= weight.sizes[0] or weight.sizes[0] % groups:
        yield f"its weight is not divisible into {groups} groups"
        return
    results = weight.sizes[1] * groups if context is TRANSPOSED else weight.sizes[0]
    if bias is not None and not (isinstance(bias, Tensor) and bias.sizes == (results,)):
        yield f"its bias is no tensor of {results} elements"
    elif isinstance(bias, Tensor) and bias.storage.dtype != "Float":
        yield f"its bias is {bias.storage.dtype}, not Float"
    if not _are_limits(state["least"], state["most"]):
        yield "its limits are not a smaller and a larger number"


def _are_sizes(value: object, least: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (1, 2)
        and all(type(it) is int and least <= it <= _LARGEST for it in value)
    )


def _are_limits(least: object, most: object) -> bool:
    if not all(it is None or type(it) in (int, float) for it in (least, most)):
        return False
    low = -math.inf if least is None else float(least)  # type: ignore[arg-type]
    high = math.inf if most is None else float(most)  # type: ignore[arg-type]
    return low < high
