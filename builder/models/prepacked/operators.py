"""Operators on packed weights in desktop torch: they run the state of a context, a tuple.

They compute what XNNPACK's do, on the operators that these pack, and are not meant to be fast.
"""

from functools import cache
from typing import Any, Final

import torch

from builder.models.prepacked.archives import STAND_INS
from builder.models.prepacked.contexts import CONTEXTS, CONVOLUTION, LINEAR, TRANSPOSED, Context

_MAKES: Final = {
    LINEAR: "Tensor W, Tensor? B=None, Scalar? output_min=None, Scalar? output_max=None",
    CONVOLUTION: "Tensor W, Tensor? B, int[2] stride, int[2] padding, int[2] dilation, int groups,"
    " Scalar? output_min=None, Scalar? output_max=None",
    TRANSPOSED: "Tensor W, Tensor? B, int[2] stride, int[2] padding, int[2] output_padding,"
    " int[2] dilation, int groups, Scalar? output_min=None, Scalar? output_max=None",
}
"""The arguments of the operators that make contexts, as upstream declares them."""


def _linear(x: torch.Tensor, state: Any) -> torch.Tensor:  # noqa: ANN401  as its type says
    weight, bias, least, most = state
    return _clamped(torch.nn.functional.linear(x, weight, bias), least, most)


def _convolution(x: torch.Tensor, state: Any) -> torch.Tensor:  # noqa: ANN401
    weight, bias, stride, padding, dilation, groups, least, most = state
    made = torch.conv2d(x, weight, bias, stride, padding, dilation, groups)
    return _clamped(made, least, most)


def _transposed(x: torch.Tensor, state: Any) -> torch.Tensor:  # noqa: ANN401
    weight, bias, stride, padding, output_padding, dilation, groups, least, most = state
    made = torch.conv_transpose2d(
        x, weight, bias, stride, padding, output_padding, groups, dilation
    )
    return _clamped(made, least, most)


def _clamped(x: torch.Tensor, least: float | None, most: float | None) -> torch.Tensor:
    return x if least is None and most is None else x.clamp(least, most)


_RUNS: Final = {LINEAR: _linear, CONVOLUTION: _convolution, TRANSPOSED: _transposed}


@cache
def register() -> Any:  # noqa: ANN401  a torch.library.Library
    """Let torch have these operators as long as this process lives; return what holds them."""
    library: Any = torch.library.Library(STAND_INS, "FRAGMENT")  # type: ignore[no-untyped-call]
    for context in CONTEXTS:
        library.define(f"{context.run}(Tensor X, Any W_prepack) -> Tensor Y")
        library.impl(context.run, _RUNS[context], "CompositeExplicitAutograd")
        library.define(f"{context.make}({_MAKES[context]}) -> Any")
        library.impl(context.make, _made(context), "CompositeExplicitAutograd")
    return library


def _made(context: Context) -> Any:  # noqa: ANN401  a function of as many arguments as it has fields
    count = len(context.fields)

    def make(*state: object) -> tuple[object, ...]:
        return state + (None,) * (count - len(state))

    return make


def run_of(context: Context) -> str:
    """Return the operator of ours that runs a context."""
    return f"{STAND_INS}::{context.run}"


def make_of(context: Context) -> str:
    """Return the operator of ours that makes a context."""
    return f"{STAND_INS}::{context.make}"
