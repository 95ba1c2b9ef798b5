"""Numbers in traces: answers have the dtype they have in TorchScript."""

import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.models.conversion.repairs import table
from tests.torch.models.repairs.converted import TORCH, convert, convert_file

INPUTS: Final = (
    torch.arange(3), torch.arange(3, dtype=torch.uint8), torch.tensor([True, False]),
    torch.tensor([0.25, -3.0]), torch.tensor([2.5, 0.0]).half(), torch.tensor(3),
    torch.tensor(2.5), torch.tensor(2.5).half(), torch.tensor([2.5 + 1j]),
)  # fmt: skip
"""Integers, bool, floats, complex; with dimensions and without."""

OPERATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "add_alpha": partial(torch.add, alpha=2), "sub_alpha": partial(torch.sub, alpha=2),
    "rsub": lambda x, c: c - x, "rdiv": lambda x, c: c / x, "rmul": lambda x, c: c * x,
    "div_floor": partial(torch.div, rounding_mode="floor"),
    "floor_div": operator.floordiv, "pow": operator.pow, "rpow": lambda x, c: c**x,
    "less": operator.lt, "equal": operator.eq, "remainder": operator.mod,
    "where": lambda x, c: torch.where(x.bool(), x, c), "in_place": lambda x, c: x.clone().mul_(c),
}  # fmt: skip


class Every(torch.nn.Module):
    """All of what can be computed of an input with a number."""

    def __init__(self, x: torch.Tensor, number: Any) -> None:
        super().__init__()
        self.number = number
        self.names = [name for name in OPERATIONS if self.can(name, x)]

    def can(self, name: str, x: torch.Tensor) -> bool:
        try:
            OPERATIONS[name](x, self.number)
        except (RuntimeError, TypeError):
            return False
        return True

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [OPERATIONS[name](x, self.number) for name in self.names]


@pytest.mark.parametrize("number", [0.5, 2, 1 + 2j])
@pytest.mark.parametrize("x", INPUTS, ids=lambda it: f"{it.dtype}{list(it.shape)}")
def test_answers_have_the_dtype_of_torchscript(
    tmp_path: Path, x: torch.Tensor, number: complex
) -> None:
    model = Every(x, number)
    assert {"add", "mul"} <= set(model.names)
    converted = convert(TORCH.jit.trace(model, x, check_trace=False), tmp_path)
    converted.agree_on(x)
    assert {it.name for it in converted.repairs} == {"numbers"}


def test_a_grid_of_integers_is_float32(tmp_path: Path) -> None:
    class Grid(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.arange(x.size(0)) - 0.5

    converted = convert(TORCH.jit.trace(Grid(), torch.rand(4)), tmp_path)
    assert converted.agree_on(torch.rand(7)).dtype == torch.float32
    assert converted.told() == ["a constant tensor of aten::sub became a number (once)"]


def test_scripted_numbers_are_numbers(tmp_path: Path) -> None:
    class Scripted(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 - 0.5

    converted = convert(TORCH.jit.script(Scripted()), tmp_path)
    converted.agree_on(torch.arange(3))
    assert converted.repairs == ()


class Shifted(torch.nn.Module):
    """Its tensors are attributes, which TorchScript does not turn into numbers."""

    shift: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(0.5, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.shift


@pytest.mark.parametrize("frozen", [False, True])
def test_tensors_of_the_model_are_what_they_are_in_torchscript(
    tmp_path: Path, frozen: bool  # noqa: FBT001
) -> None:  # fmt: skip
    script = TORCH.jit.script(Shifted().eval())
    converted = convert(TORCH.jit.freeze(script) if frozen else script, tmp_path)
    answer = converted.agree_on(torch.arange(3))
    assert answer.dtype == (torch.float32 if frozen else torch.float64)


def test_lite_interpreters_differ_without_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = convert(TORCH.jit.trace(Every(INPUTS[0], 0.5), INPUTS[0]), tmp_path).original
    others = {name: it for name, it in table.REPAIRS.items() if name != "numbers"}
    monkeypatch.setattr(table, "REPAIRS", others)
    with pytest.raises(AssertionError):
        convert_file(original, tmp_path / "plain.ptl").agree_on(INPUTS[0])
