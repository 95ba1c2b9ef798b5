"""Models are run in desktop torch before anything is fetched or compiled."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.models.selection import make_profile, select
from builder.models.tracing.execution_trace import Made, Trace
from builder.pipeline import executing, run
from builder.pipeline.request import Request
from builder.pipeline.wanted import Wanted
from builder.proof.model_run import Answers
from builder.vocabulary.errors import BuildRuntimeError, ModelError, ToolchainError, UsageError
from builder.vocabulary.models import InputSpec, Model
from builder.vocabulary.plan import SourceTree
from tests.conftest import FakeRunner
from tests.unit.pipeline.test_planning import SHAPES, Heard, net, request

MADE = (Made("Float", "", ""), Made("Short", "aten::to.dtype", ""), Made("QInt8", "x", "y"))


def traced(monkeypatch: pytest.MonkeyPatch, *answers: Trace | BuildRuntimeError) -> list[InputSpec]:
    """Let desktop torch answer; return what it is asked to run on."""
    asked: list[InputSpec] = []
    left = list(answers)

    def trace_model(_model: Model, spec: InputSpec, _host: Host) -> Trace:
        asked.append(spec)
        answer = left.pop(0)
        if isinstance(answer, BuildRuntimeError):
            raise answer
        return answer

    monkeypatch.setattr(executing, "trace_model", trace_model)
    return asked


class Patient(Heard):
    """Steps are fine here."""

    def step(self, text: str) -> None:
        del text


TRACE = Trace("2.13", 1, (), (), (), MADE)


def rehearsed(
    models: tuple[Model, ...], wish: Request, host: Host, heard: Heard, folder: Path
) -> executing.Rehearsed:
    return executing.rehearse(Wanted(models), wish, folder, host, heard)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, InputSpec]]:
    """Let desktop torch answer whatever it is asked; return what that was."""
    calls: list[tuple[str, InputSpec]] = []

    def ask_torch(model: Model, spec: InputSpec, folder: Path, _host: Host) -> Answers:
        calls.append((model.name, spec))
        assert folder.is_dir()
        return Answers(folder)

    monkeypatch.setattr(executing, "ask_torch", ask_torch)
    return calls


@pytest.mark.usefixtures("asked")
def test_dtypes_made_at_run_time_are_compiled(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, heard = traced(monkeypatch, TRACE), Patient()
    wish = replace(request("linux"), inputs=(SHAPES,))
    (found,) = rehearsed((net(),), wish, host, heard, tmp_path).wanted.models
    assert asked == [SHAPES]
    assert found.run_dtypes == {"Short"}, "quantized ones come with what makes them"
    assert "Short" in make_profile(select((found,)), None).dtypes
    assert "net: Short, made by aten::to.dtype: its kernels are built" in heard.notes
    assert not any("Float" in note for note in heard.notes), "every runtime has them"


@pytest.mark.usefixtures("asked")
def test_chosen_dtypes_stay_as_they_are_chosen(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    traced(monkeypatch, TRACE)
    heard = Patient()
    wish = replace(request("linux"), inputs=(SHAPES,), dtypes=frozenset({"Float", "QInt8"}))
    assert rehearsed((net(),), wish, host, heard, tmp_path).wanted.models == (net(),)
    assert heard.notes == ["net: Short, made by aten::to.dtype: --dtypes leaves it out"]


def test_models_without_inputs_are_not_run(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    asked: list[tuple[str, InputSpec]],
) -> None:
    was_traced = traced(monkeypatch, TRACE)
    models = (net(), net(bundled_inputs=True))
    found = rehearsed(models, request("linux"), host, Patient(), tmp_path)
    assert was_traced == [InputSpec(bundled=True)]
    assert asked == [("net", InputSpec(bundled=True))]
    assert [sorted(it.run_dtypes) for it in found.wanted.models] == [[], ["Short"]]
    assert [it is None for it in found.answers] == [True, False]


def test_models_that_are_not_to_be_run_answer_to_given_inputs_alone(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    asked: list[tuple[str, InputSpec]],
) -> None:
    traced(monkeypatch, TRACE, TRACE)
    wish = replace(request("linux"), verify=False, inputs=(InputSpec(), SHAPES))
    rehearsed((net(bundled_inputs=True), net()), wish, host, Patient(), tmp_path)
    assert asked == [("net", SHAPES)], "wrong ones are refused all the same"


@pytest.mark.usefixtures("asked")
def test_a_model_that_cannot_be_traced_is_built_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    traced(monkeypatch, ToolchainError("no torch"), ModelError("net does not run"))
    heard = Patient()
    wish = replace(request("linux"), verify=False, inputs=(SHAPES, InputSpec()))
    models = (net(), net(bundled_inputs=True))
    assert rehearsed(models, wish, host, heard, tmp_path).wanted.models == models
    assert heard.notes == [
        "no torch: the dtypes it makes are not known",
        "net does not run: the dtypes it makes are not known",
    ]


@pytest.mark.usefixtures("asked")
def test_what_no_lite_interpreter_runs_is_refused_before_anything_is_built(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    traced(monkeypatch, ModelError("net does not run: no OrderedDict of pairs"))
    wish = replace(request("linux"), inputs=(SHAPES,))
    with pytest.raises(ModelError) as caught:
        rehearsed((net(),), wish, host, Patient(), tmp_path)
    assert caught.value.message.splitlines() == [
        "net runs as it was exported, but not in a lite interpreter",
        "    net does not run: no OrderedDict of pairs",
    ]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (2, UsageError, "ValueError: a torch.quint8 torch.strided tensor cannot be compared"),
        (3, ModelError, "RuntimeError: Given groups=1, expected input to have 3 channels"),
    ],
)
def test_inputs_that_cannot_work_are_refused_before_anything_is_traced(
    status: int, kind: type[BuildRuntimeError], reason: str, host: Host, runner: FakeRunner
) -> None:
    runner.answer(Path(sys.executable).name, stderr=f"{reason}\n", status=status)
    wish = replace(request("linux"), inputs=(SHAPES,))
    host.cache.mkdir()
    with pytest.raises(kind, match=reason):
        rehearsed((net(),), wish, host, Patient(), host.cache)
    assert len(runner.commands) == 1


@pytest.mark.parametrize(("fetches", "expected"), [(True, ["torch"]), (False, ["source", "torch"])])
def test_nobody_waits_for_sources_to_hear_of_wrong_inputs(
    fetches: bool,  # noqa: FBT001
    expected: list[str],
    tmp_path: Path,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    def ask_torch(*_: object) -> Answers:
        done.append("torch")
        raise ModelError("net does not run")

    def open_source(*_: object) -> SourceTree:
        done.append("source")
        return SourceTree("2.6.0", "d" * 64, "cache", ())

    for name, answer in {
        "will_fetch": lambda *_: fetches,
        "open_source": open_source,
        "read_wanted": lambda *_: Wanted((net(),)),
        "refuse_early": lambda *_: None,
        "request_name": lambda *_: "name",
        "recall": lambda *_: None,
    }.items():
        monkeypatch.setattr(run, name, answer)
    monkeypatch.setattr(executing, "ask_torch", ask_torch)
    wish = replace(request("linux"), inputs=(SHAPES,), output=tmp_path / "dist")
    with pytest.raises(ModelError, match="net does not run"):
        run.run(wish, host, Patient())
    assert done == expected
