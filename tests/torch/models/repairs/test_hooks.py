"""Hooks of the model itself run as a call of the scripted module runs them."""
# ruff: noqa: ARG001  torch gives a hook all of these

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import pytest
import torch

from builder.models.conversion.repairs.table import repair
from tests.torch.models.repairs.converted import TORCH, Script, convert, loaded

X = torch.tensor([[1.0, -2.0, 3.0]])
Hook = Callable[..., Any]


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.scale = 2.0

    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        for _ in range(count):
            x = self.linear(x)
        if count > 1:
            return x
        return x + count


class Same(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def scaled(self: Net, inputs: tuple[torch.Tensor, int]) -> tuple[torch.Tensor, int]:
    return (inputs[0] * self.scale, inputs[1] + 1)


def looks(self: Net, inputs: tuple[torch.Tensor, int]) -> None:
    assert inputs[1] >= 0


def adds(self: Net, inputs: tuple[torch.Tensor, int], output: torch.Tensor) -> torch.Tensor:
    return output + inputs[0] * self.scale


def watches(self: Net, inputs: tuple[torch.Tensor, int], output: torch.Tensor) -> None:
    assert output.dim() == 2


def doubled(self: Same, inputs: tuple[torch.Tensor]) -> torch.Tensor:
    return inputs[0] * 2


def sometimes(
    self: Same, inputs: tuple[torch.Tensor], output: torch.Tensor
) -> Optional[torch.Tensor]:  # noqa: UP045  TorchScript
    if output.sum() > 0:
        return output
    return None


def hooked(module: torch.nn.Module, before: tuple[Hook, ...], after: tuple[Hook, ...]) -> Script:
    for it in before:
        module.register_forward_pre_hook(it)
    for it in after:
        module.register_forward_hook(it)
    return TORCH.jit.script(module)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((scaled,), ()), ((), (adds,)), ((scaled, looks, scaled), (adds, watches, adds)),
    ],
)  # fmt: skip
def test_hooks_are_part_of_forward(
    before: tuple[Hook, ...], after: tuple[Hook, ...], tmp_path: Path
) -> None:
    converted = convert(hooked(Net(), before, after), tmp_path)
    for count in (0, 1, 2):
        full = TORCH.jit.load(str(converted.original))
        torch.testing.assert_close(converted.lite()(X, count), full(X, count), rtol=0, atol=0)
    (told,) = converted.repairs
    assert (told.name, told.count) == ("hooks", len(before) + len(after))


def test_a_module_that_does_nothing_itself(tmp_path: Path) -> None:
    converted = convert(hooked(Same(), (doubled,), ()), tmp_path)
    assert torch.equal(converted.lite()(X), X * 2)


def test_a_hook_that_answers_sometimes_is_refused(tmp_path: Path) -> None:
    script = loaded(hooked(Same(), (), (sometimes,)), tmp_path)
    with pytest.raises(ValueError, match="its hook sometimes answers only sometimes"):
        repair(script)
