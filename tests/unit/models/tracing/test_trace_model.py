"""A trace is made once, by a child process whose exit codes become errors people can act on."""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.models.tracing.trace_model import trace_model
from builder.vocabulary.errors import BuildRuntimeError, ModelError, ToolchainError, UsageError
from builder.vocabulary.models import InputSpec, Model, ModelFormat
from tests.conftest import FakeRunner

TRACE = {
    "version": 1, "torch": "2.13.0", "cases": 1, "without_schema": [], "nested": [],
    "called": [{"name": "aten::relu", "count": 1, "dtypes": ["Half"]}],
    "dtypes": [{"dtype": "Half", "operator": "aten::to.dtype", "below": "aten::to.dtype"}],
}  # fmt: skip
SPEC = InputSpec(shapes=((1, 3),), dtypes=("float16",))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    path = tmp_path / "net.ptl"
    path.touch()
    return Model(
        "net", path, path, "a" * 64, ModelFormat.LITE, 8, 10, (),
        frozenset(), frozenset(), bundled_inputs=False,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.13.0")


@pytest.fixture
def child(runner: FakeRunner) -> FakeRunner:
    def respond(command: Command) -> Completed:
        Path(command.argv[-1]).write_text(json.dumps(TRACE))
        return Completed(0, "", "")

    runner.answer_with(Path(sys.executable).name, respond)
    return runner


def test_a_trace_is_remembered(model: Model, host: Host, child: FakeRunner) -> None:
    first = trace_model(model, SPEC, host)
    assert first == trace_model(model, SPEC, host)
    assert len(child.commands) == 1
    assert first.dtypes == {"Half"}
    assert first.made[0].describe() == "Half, made by aten::to.dtype below aten::to.dtype"
    assert json.loads(child.commands[0].argv[4]) == {"shapes": [[1, 3]], "dtypes": ["float16"]}


def test_other_inputs_are_another_trace(
    model: Model, host: Host, child: FakeRunner, tmp_path: Path
) -> None:
    file = tmp_path / "inputs.pt"
    file.write_bytes(b"one")
    for spec in (SPEC, InputSpec(shapes=((1, 3),), dtypes=("float32",)), InputSpec(files=(file,))):
        trace_model(model, spec, host)
    file.write_bytes(b"two")
    trace_model(model, InputSpec(files=(file,)), host)
    assert len(child.commands) == 4


def test_a_damaged_memory_is_made_anew(model: Model, host: Host, child: FakeRunner) -> None:
    trace_model(model, SPEC, host)
    (kept,) = (host.cache / "traces").iterdir()
    kept.write_text('{"version": 1, "called": 3}')
    assert trace_model(model, SPEC, host).dtypes == {"Half"}
    assert len(child.commands) == 2


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (2, UsageError, "cannot use the inputs of net (float16[1,3]): why"),
        (3, ModelError, "net does not run in desktop torch on float16[1,3]: why"),
        (4, ToolchainError, "the run of net on float16[1,3] cannot be recorded: why"),
        (-9, ToolchainError, "cannot be recorded: why"),
    ],
)
def test_failures_keep_nothing_and_say_why(  # noqa: PLR0917
    status: int, kind: type[BuildRuntimeError], told: str,
    model: Model, host: Host, runner: FakeRunner,
) -> None:  # fmt: skip
    runner.answer(Path(sys.executable).name, stderr="torch says\nwhy\n", status=status)
    with pytest.raises(kind) as caught:
        trace_model(model, SPEC, host)
    assert told in caught.value.message
    assert caught.value.hint
    assert not (host.cache / "traces").exists()


def test_without_torch_nothing_is_run(
    model: Model, host: Host, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> NoReturn:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(ToolchainError, match="torch is not installed"):
        trace_model(model, SPEC, host)
    assert not runner.commands
