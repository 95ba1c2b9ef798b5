"""Modules that are called through an interface."""

import warnings
from pathlib import Path

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.exported import read_exported
from builder.models.conversion.repairs.graphs import codes_of
from builder.models.conversion.repairs.interfaces import call_directly
from builder.models.conversion.repairs.table import repair
from tests.torch.models.repairs.converted import TORCH, convert, loaded

X = torch.tensor([1.0, -2.0])


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch deprecates all of TorchScript

    @TORCH.jit.interface
    class Changing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[empty-body]
            pass


class Double(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Twice(torch.nn.Module):
    """A module behind an interface that calls another one through it."""

    step: Changing

    def __init__(self) -> None:
        super().__init__()
        self.step = Double()  # type: ignore[assignment]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.step.forward(self.step.forward(x))


class Chosen(torch.nn.Module):
    one: Changing
    other: Changing

    def __init__(self) -> None:
        super().__init__()
        self.one = Double()  # type: ignore[assignment]
        self.other = Twice()  # type: ignore[assignment]

    def forward(self, x: torch.Tensor, first: bool) -> torch.Tensor:  # noqa: FBT001
        if first:
            return self.one.forward(x) + 1
        future = TORCH.jit.fork(self.other.forward, x)
        result: torch.Tensor = TORCH.jit.wait(future) - 1
        return result


def test_calls_through_interfaces_find_their_modules(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Chosen()), tmp_path)
    for first in (True, False):
        converted.agree_on(X, first)
    assert {it.name for it in converted.repairs} == {"interfaces", "forks"}
    assert not {"INTERFACE_CALL"} & converted.model.methods[0].opcodes


class Deeper(torch.nn.Module):
    step: Changing

    def __init__(self) -> None:
        super().__init__()
        self.step = Twice()  # type: ignore[assignment]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.step.forward(x)


def test_interfaces_behind_interfaces(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Deeper()), tmp_path)
    converted.agree_on(X)
    assert converted.told() == ["interface calls resolved (3 times)"]


def test_objects_that_only_a_run_chooses_are_refused(tmp_path: Path) -> None:
    class Given(torch.nn.Module):
        def forward(self, x: torch.Tensor, step: Changing) -> torch.Tensor:
            return step.forward(x)

    with pytest.raises(ValueError, match="forward calls forward through the interface"):
        repair(loaded(TORCH.jit.script(Given()), tmp_path))


def test_code_without_interfaces_stays(tmp_path: Path) -> None:
    (code,) = codes_of(loaded(TORCH.jit.script(Double()), tmp_path))
    before = str(code.graph)
    assert not call_directly(code)
    assert str(code.graph) == before


def test_what_is_said_of_such_a_model_is_that_of_the_conversion(tmp_path: Path, real: Host) -> None:
    TORCH.jit.script(Deeper()).save(str(tmp_path / "net.pt"))
    model = read_exported(tmp_path / "net.pt", real)
    assert {str(it) for it in model.operators} == {"aten::mul.Scalar"}
    assert [it.name for it in model.repairs] == ["interfaces"]
