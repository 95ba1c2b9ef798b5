"""What desktop torch really executes: overloads, nested calls, and dtypes no file tells."""

import warnings
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch

from builder import RELEASE
from builder.foundation.process import Host, SubprocessRunner
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.torchscript import read_model
from builder.models.tracing.reconcile import State, reconcile
from builder.models.tracing.trace_model import trace_model
from builder.vocabulary.errors import ModelError, UsageError
from builder.vocabulary.models import InputSpec, Model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, about TorchScript


class Net(torch.nn.Module):
    """Branches not taken, strings, operators of the interpreter, and a dtype no file tells."""

    def forward(self, x: torch.Tensor, names: list[str]) -> tuple[torch.Tensor, torch.Tensor, str]:
        if x.numel() == 0:
            raise ValueError("nothing to do")
        told = ""
        for name in names:
            told = told + '"' + name.upper() + "\\"
        if x.dim() > 5:
            x = x.cumsum(0)
        narrow = (x * 100).to(torch.int16)
        size: int = x.size(0) + len(names)
        y = torch.matmul(x.softmax(-1), x.t()) + size
        return y, narrow.bitwise_and(3), told


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("models") / "net.ptl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about TorchScript
        module: Any = torch.jit.script(Net())
        module._save_for_lite_interpreter(str(path))
    return read_model(path, host_in(path.parent))


def host_in(folder: Path) -> Host:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return Host(MappingProxyType(env), SubprocessRunner(), folder / "cache", 1)


def inputs(folder: Path, *arguments: object) -> InputSpec:
    torch.save(arguments, folder / "inputs.pt")
    return InputSpec(files=(folder / "inputs.pt",))


def test_a_trace_tells_what_ran_and_who_made_which_dtype(model: Model, tmp_path: Path) -> None:
    spec = inputs(tmp_path, torch.ones(3, 4), ['a"', "b\\", "\nü"])
    trace = trace_model(model, spec, host_in(tmp_path))
    assert trace.cases == 1
    assert trace.torch == torch.__version__
    made = {it.dtype: it for it in trace.made}
    assert (made["Float"].operator, made["Short"].operator) == ("", "aten::to.dtype")
    nested = {str(it.name): it for it in trace.nested}
    assert "aten::matmul" in nested["aten::mm"].below
    assert nested["aten::_softmax"].below == ("aten::softmax.int",)
    rows = {str(it.name): it for it in reconcile(model, trace, pinned_catalogue(RELEASE).entries)}
    assert rows.keys() == {str(it) for it in model.operators}, "no operator is ever dropped"
    assert rows["aten::cumsum"].state is State.NEVER
    assert rows["aten::upper"].count == 3
    assert rows["aten::add.str"].count == 9
    assert rows["aten::add.int"].count == 1
    assert rows["aten::bitwise_and.Scalar"].dtypes == {"Short"}
    states = {it.state for it in rows.values()}
    assert states == {State.CALLED, State.NEVER}, "every overload could be told"


def test_the_answers_of_all_cases_are_added_up(model: Model, tmp_path: Path) -> None:
    first = inputs(tmp_path, torch.ones(2, 2), ["a"])
    torch.save((torch.ones(2, 2, dtype=torch.float64), ["b", "c"]), tmp_path / "more.pt")
    both = InputSpec(files=(*first.files, tmp_path / "more.pt"))
    trace = trace_model(model, both, host_in(tmp_path))
    assert trace.cases == 2
    assert {"Float", "Double"} <= trace.dtypes
    called = {str(it.name): it.count for it in trace.called}
    assert called["aten::softmax.int"] == 2


def test_a_model_that_fails_is_told_in_its_own_words(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to do"):
        trace_model(model, inputs(tmp_path, torch.ones(0, 1), ["a"]), host_in(tmp_path))


def test_inputs_that_are_none_are_refused(model: Model, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_bytes(b"text")
    with pytest.raises(UsageError, match="cannot use the inputs of net"):
        trace_model(model, InputSpec(files=(tmp_path / "text.pt",)), host_in(tmp_path))
