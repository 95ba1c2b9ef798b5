"""Models that were exported on another device run on the CPU."""

from pathlib import Path
from typing import Any

import pytest
import torch

from builder.foundation.process import Host
from builder.models.conversion.repairs.table import repair, run_here
from builder.models.conversion.torchscript import read_model
from builder.models.prepacked.loading import load_lite
from builder.pipeline.wanted import Wanted, refuse_early
from builder.source.request import SourceRequest
from builder.vocabulary.errors import ModelError
from tests.torch.models.repairs.converted import TORCH, Converted, assert_equal, convert, loaded

X = torch.tensor([[1.0, -2.0]])


class Inner(torch.nn.Module):
    place: torch.device

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = torch.device(place)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(2, device=self.place)


class Placed(torch.nn.Module):
    """Devices as constants, as attributes, of text and number, in calls, branches and loops."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.inner = Inner(place)

    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        y: torch.Tensor = x.to(self.place) + self.inner(x)
        if count > 1:
            y = y.to(device=self.place, dtype=torch.float64)
        for index in range(count):
            y = y + torch.full([2], index, device=torch.device(self.place))
        return y

    @torch.jit.export
    def other(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x.new_zeros(x.size(), device=self.place)
        return result


class Cuda(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.cuda() + torch.zeros(2, device=torch.device("cuda", 1))


def answers_as_on_cpu(converted: Converted, on_cpu: Any, *inputs: Any, method: str) -> None:
    actual = converted.lite().run_method(method, *inputs)
    assert_equal(actual, getattr(on_cpu, method)(*inputs))


@pytest.mark.parametrize("place", ["cuda", "cuda:0", "cuda:1", "xpu", "mps", "vulkan"])
def test_code_on_another_device_moves_to_the_cpu(tmp_path: Path, place: str) -> None:
    converted = convert(TORCH.jit.script(Placed(place)), tmp_path)
    assert [it.name for it in converted.repairs] == ["devices"]
    assert converted.repairs[0].what == f"device {place} became cpu"
    assert converted.model.devices <= {"cpu"}
    on_cpu = TORCH.jit.script(Placed("cpu"))
    for count in (0, 1, 3):
        answers_as_on_cpu(converted, on_cpu, X, count, method="forward")
    answers_as_on_cpu(converted, on_cpu, X, method="other")


def test_calls_that_move_tensors_go(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Cuda()), tmp_path)
    assert converted.told() == ["device cuda:1 became cpu (once)", "x.cuda() removed (once)"]
    assert torch.equal(converted.lite()(X), X)
    assert "aten::cuda" not in converted.names()


@pytest.mark.parametrize("place", ["cpu", "meta"])
def test_other_devices_stay(tmp_path: Path, place: str) -> None:
    assert convert(TORCH.jit.script(Placed(place)), tmp_path).repairs == ()


def test_the_model_as_exported_runs_here_to_be_compared_with(tmp_path: Path) -> None:
    original = convert(TORCH.jit.script(Placed("cuda")), tmp_path).original
    script = TORCH.jit.load(str(original))
    run_here(script)
    on_cpu = TORCH.jit.script(Placed("cpu"))
    for _ in range(3):  # the first two are profiled, then it is optimised
        assert_equal(script(X, 2), on_cpu(X, 2))


class Constant(torch.nn.Module):
    """Its devices are constants of the code, beside a text that is equal to one."""

    def forward(self, x: torch.Tensor, place: str) -> torch.Tensor:
        y = x.to("cuda:0") + torch.ones(2, device=torch.device("cuda:0"))
        return y * 2 if place == "cuda:0" else y


@pytest.mark.parametrize("place", ["cpu", "cuda:0"])
def test_lite_models_move_without_torch(tmp_path: Path, host: Host, place: str) -> None:
    path = tmp_path / "net.ptl"
    TORCH.jit.script(Constant())._save_for_lite_interpreter(str(path))
    model = read_model(path, host)
    assert [it.name for it in model.repairs] == ["devices"]
    expected = (X + 1) * (2 if place == "cuda:0" else 1)
    assert torch.equal(load_lite(model.path)(X, place), expected)


def test_a_call_of_a_lite_model_that_moves_tensors_is_refused(tmp_path: Path, host: Host) -> None:
    path = tmp_path / "net.ptl"
    TORCH.jit.script(Cuda())._save_for_lite_interpreter(str(path))
    with pytest.raises(ModelError, match=r"aten::cuda: .*CUDA"):
        refuse_early(Wanted((read_model(path, host),)), SourceRequest())


class Counted(torch.nn.Module):
    """Which device it is depends on the run: nothing can be said of it before."""

    def forward(self, x: torch.Tensor, count: int) -> torch.Tensor:
        for index in range(count):
            if x.device == torch.device("cuda", index):
                x = x + 1
        return x


def test_a_device_that_is_computed_stays(tmp_path: Path) -> None:
    assert repair(loaded(TORCH.jit.script(Counted()), tmp_path)) == ()
