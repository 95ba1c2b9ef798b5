"""Blocks without gradients: they go, and what they hold stays."""

from pathlib import Path
from typing import Any, Final

import pytest
import torch

from builder.models.conversion.repairs.table import repair
from tests.torch.models.repairs.converted import TORCH, convert, loaded

X = torch.tensor([1.0, -2.0])


class Inner(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return x * 3


class Nested(torch.nn.Module):
    """Blocks in branches, loops, other blocks and submodules; with early ends and questions."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor, count: int, early: bool) -> torch.Tensor:  # noqa: FBT001
        for _ in range(count):
            with torch.no_grad():
                x = self.inner(x) + 1
                if early:
                    with torch.no_grad():
                        return x - 5
        with torch.no_grad():
            y = x
            if torch.is_grad_enabled():
                y = y + 100
        return y

    @torch.jit.export
    def other(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.forward(x, 2, early=False) + self.inner(x)
        return result

    @torch.jit.export
    def plain(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def test_blocks_go_wherever_they_are(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Nested()), tmp_path)
    for count in (0, 1, 3):
        for early in (True, False):
            converted.agree_on(X, count, early)
    with torch.enable_grad():  # as on a device: what is said inside of the blocks counts
        assert torch.equal(converted.lite()(X, 0, False), X)  # noqa: FBT003
    converted.agree_on(X, method="other")
    converted.agree_on(X, method="plain")
    # forward has four, with that of the submodule; other has them too, and one more
    assert converted.told() == ["with torch.no_grad() removed (9 times)"]
    assert not {"ENTER", "EXIT", "CREATE_OBJECT"} & {
        opcode for method in converted.model.methods for opcode in method.opcodes
    }


def test_a_block_with_a_name(tmp_path: Path) -> None:
    class Named(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
            with torch.no_grad() as block:
                y = x + 1
            return (y, str(block))

    assert convert(TORCH.jit.script(Named()), tmp_path).agree_on(X)[1] == "None"


class Mixed(torch.nn.Module):
    """As code that was trained in mixed precision, and measured."""

    mixed: Final[bool]

    def __init__(self, *, mixed: bool) -> None:
        super().__init__()
        self.mixed = mixed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autograd.profiler.record_function("all of it"):
            with torch.autocast("cuda", enabled=self.mixed):
                y = torch.mm(x, x)
            with torch.cuda.amp.autocast(enabled=False):
                y = y.float() + 1
            with torch.autocast("cpu", enabled=False):
                y = torch.mm(y, x)
        return y


class Casting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return torch.mm(x, x)


@pytest.mark.parametrize("mixed", [False, True])
def test_blocks_that_do_nothing_on_a_cpu_go(mixed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    converted = convert(TORCH.jit.script(Mixed(mixed=mixed)), tmp_path)
    converted.agree_on(torch.randn(3, 3))
    assert converted.told() == [
        "with torch.autocast() removed (3 times)",
        "with torch.record_function() removed (once)",
    ]
    assert converted.names() <= {"aten::mm", "aten::add.Scalar", "aten::to.dtype"}


class Counting:
    """A block of the model's own: it is no business of this repair."""

    def __init__(self) -> None:
        self.entered = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:  # noqa: PYI036  TorchScript's
        self.entered -= 1


class Own(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with Counting():
            y = x + 1
        return y * 2


@pytest.mark.parametrize("made", [Own, Casting])
def test_blocks_that_matter_stay(made: type[torch.nn.Module], tmp_path: Path) -> None:
    script = loaded(TORCH.jit.script(made()), tmp_path)
    assert repair(script) == ()
    assert "with" in script.code
