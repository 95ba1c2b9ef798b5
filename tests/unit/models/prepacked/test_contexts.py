"""Contexts that torch could have written, and those it could not."""

import math
from typing import Any

import pytest

from builder.models.formats.faults import MalformedError
from builder.models.formats.pickle_values import Call, Global, Storage, Tensor
from builder.models.prepacked.contexts import (
    CONTEXTS,
    CONVOLUTION,
    LINEAR,
    NAMESPACE,
    TRANSPOSED,
    Context,
    check_context,
    layers_of,
)
from builder.vocabulary.operators import CONVOLUTION_3X3


def tensor(*sizes: int, dtype: str = "Float") -> Tensor:
    return Tensor(Storage(dtype, "0", "cpu", math.prod(sizes)), sizes)


SOUND: dict[Context, dict[str, Any]] = {
    LINEAR: {"weight": tensor(5, 4), "bias": tensor(5), "least": None, "most": None},
    CONVOLUTION: {
        "weight": tensor(6, 2, 3, 3), "bias": None, "stride": [1, 1], "padding": [0], "groups": 3,
        "dilation": [2, 1], "least": 0, "most": 6.0,
    },
    TRANSPOSED: {
        "weight": tensor(6, 2, 3, 3), "bias": tensor(4), "stride": [2, 2], "padding": [1, 1],
        "output_padding": [1, 1], "dilation": [1, 1], "groups": 2, "least": None, "most": 1.0,
    },
}  # fmt: skip


def context(kind: Context, **changed: Any) -> Call:
    state = {**SOUND[kind], **changed}
    return Call(Global(NAMESPACE, kind.name), (), tuple(state[it] for it in kind.fields))


@pytest.mark.parametrize("kind", CONTEXTS, ids=lambda it: it.name)
def test_a_sound_context_passes(kind: Context) -> None:
    check_context(context(kind))
    assert kind.state.startswith("Tuple[Tensor, Optional[Tensor], ")


GAINS: dict[str, Any] = {
    "weight": tensor(64, 32, 3, 3), "groups": 1, "stride": [1], "dilation": [1, 1],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "gains"),
    [
        ({}, True),
        ({"weight": tensor(256, 256, 3, 3)}, True),
        ({"padding": [1, 0]}, True),
        ({"weight": tensor(256, 260, 3, 3)}, False),
        ({"weight": tensor(64, 12, 3, 3)}, False),
        ({"weight": tensor(62, 32, 3, 3)}, False),
        ({"weight": tensor(64, 32, 3, 1)}, False),
        ({"groups": 2}, False),
        ({"stride": [1, 2]}, False),
        ({"dilation": [2]}, False),
    ],
)
def test_some_convolutions_gain_by_kernels_of_their_own(
    changed: dict[str, Any],
    gains: bool,  # noqa: FBT001
) -> None:
    plain, other = context(LINEAR), context(CONVOLUTION, **{**GAINS, **changed})
    assert layers_of([plain, other]) == (frozenset({CONVOLUTION_3X3}) if gains else frozenset())


def test_objects_of_other_classes_are_left_to_others() -> None:
    check_context(Call(Global("__torch__.torch.classes.rnn", "CellParamsBase"), (), ("?",)))


@pytest.mark.parametrize(
    ("kind", "changed", "reason"),
    [
        (LINEAR, {"weight": tensor(5, 4, 1)}, "no tensor of 2 dimensions"),
        (LINEAR, {"weight": None}, "no tensor of 2 dimensions"),
        (LINEAR, {"weight": tensor(5, 0)}, "no tensor of 2 dimensions with elements"),
        (LINEAR, {"weight": tensor(5, 4, dtype="Half")}, "is Half, not Float"),
        (LINEAR, {"bias": tensor(4)}, "no tensor of 5 elements"),
        (LINEAR, {"bias": tensor(5, dtype="Double")}, "is Double, not Float"),
        (LINEAR, {"least": 1, "most": 1}, "limits"),
        (LINEAR, {"least": math.nan}, "limits"),
        (LINEAR, {"most": True}, "limits"),
        (CONVOLUTION, {"stride": [0, 1]}, "stride"),
        (CONVOLUTION, {"stride": [1 << 40]}, "stride"),
        (CONVOLUTION, {"padding": [-1, 0]}, "padding"),
        (CONVOLUTION, {"dilation": [1, 1, 1]}, "dilation"),
        (CONVOLUTION, {"dilation": 1}, "dilation"),
        (CONVOLUTION, {"groups": 0}, "groups"),
        (CONVOLUTION, {"groups": 4}, "groups"),
        (CONVOLUTION, {"groups": 1 << 62}, "groups"),
        (TRANSPOSED, {"output_padding": [True, 1]}, "output_padding"),
        (TRANSPOSED, {"bias": tensor(6)}, "no tensor of 4 elements"),
    ],
)
def test_a_forged_context_is_refused(kind: Context, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        check_context(context(kind, **changed))


@pytest.mark.parametrize("state", [None, [], (tensor(5, 4), None), (tensor(5, 4),) * 5])
def test_an_unknown_layout_is_refused(state: object) -> None:
    with pytest.raises(MalformedError, match="no release up to PyTorch") as caught:
        check_context(Call(Global(NAMESPACE, LINEAR.name), (), state))
    assert "export the model again" in caught.value.hint
