"""The order of the stages: what is refused before anything is fetched or built."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.artifact.packing import Licence
from builder.foundation.process import Host
from builder.models.selection import make_profile, select
from builder.models.tracing.execution_trace import Made, Trace
from builder.pipeline import executing
from builder.pipeline.choosing import batches, find_targets
from builder.pipeline.packing import PACKERS, find_licences
from builder.pipeline.request import Request
from builder.pipeline.results import request_name
from builder.source.request import SourceRequest
from builder.toolchains.table import TOOLCHAINS
from builder.vocabulary.errors import BuildRuntimeError, ModelError, ToolchainError, UsageError
from builder.vocabulary.models import InputSpec, Model, ModelFormat
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.targets import Abi, Platform, Target, make_target, platform_facts
from builder.vocabulary.tolerances import Limits
from tests.golden.tiny import make_plan


class Heard:
    """Events that only remember what was said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, text: str) -> None:
        raise AssertionError(text)

    def compiled(self, done: int, known: int, name: str) -> None:
        raise AssertionError(done, known, name)

    def started(self, name: str, total: int | None) -> None:
        raise AssertionError(name, total)

    def advanced(self, name: str, done: int) -> None:
        raise AssertionError(name, done)

    def finished(self, name: str) -> None:
        raise AssertionError(name)


def request(platform: str) -> Request:
    return Request(
        models=(Path("m.pt"),),
        abis=(Abi.ARM64_V8A, Abi.X86),
        platform=platform,
        output=Path("dist"),
        source=SourceRequest(directory=None),
        dtypes=None,
        inputs=(),
        verify=True,
        require_run=False,
    )


def test_every_component_ships_its_licence_and_one_header_the_comment_at_its_top(
    tmp_path: Path,
) -> None:
    texts = {"big": ("LICENSE", "MIT"), "small": ("small.h", "/* BSD\n */\nint x;\n")}
    for name, (file, text) in texts.items():
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / file).write_text(text)
    (tmp_path / "big" / "big.h").write_text("/* no licence */")
    components = tuple(Component(it, "1", "", "", tmp_path / it) for it in ("big", "small"))
    plan = make_plan()
    source = SourceTree("2.6.0", "", "debian", components)
    plan = replace(plan, objects=replace(plan.objects, source=source))
    assert find_licences(plan) == (
        Licence("big", "LICENSE", b"MIT"),
        Licence("small", "LICENSE", b"/* BSD\n */\n"),
    )


def test_a_platform_that_can_be_built_can_be_packed() -> None:
    assert {platform_facts(platform).archive for platform in TOOLCHAINS} <= PACKERS.keys()


def test_archives_of_one_target_are_packed_one_by_one_others_together() -> None:
    linux = [make_target(Platform.LINUX, abi) for abi in Abi]
    android = [make_target(Platform.ANDROID, abi) for abi in Abi]
    assert batches([*linux, *android]) == (*((it,) for it in linux), tuple(android))


def test_auto_is_linux_and_says_so_in_one_line(host: Host) -> None:
    heard = Heard()
    targets = find_targets(request("auto"), host, heard)
    assert [str(target) for target in targets] == ["linux-arm64-v8a", "linux-x86"]
    assert len(heard.notes) == 1
    assert "linux" in heard.notes[0]
    assert "zig" in heard.notes[0]


def test_an_ndk_that_is_not_driven_is_named(host: Host) -> None:
    heard = Heard()
    find_targets(request("auto"), replace(host, env={"ANDROID_NDK_HOME": "/ndk"}), heard)
    assert "$ANDROID_NDK_HOME is set, but this release does not drive it" in heard.notes[0]


def test_a_named_platform_needs_no_words(host: Host) -> None:
    heard = Heard()
    targets = find_targets(request("linux"), host, heard)
    assert all(isinstance(target, Target) for target in targets)
    assert not heard.notes


def test_android_is_refused_before_anything_is_done(host: Host) -> None:
    with pytest.raises(ToolchainError, match="no toolchain for android") as caught:
        find_targets(request("android"), host, Heard())
    assert "--platform linux" in caught.value.hint


def test_another_tolerance_is_another_request(host: Host) -> None:
    """What was proven less strictly is no answer for `--exact`."""
    source = SourceTree("2.6.0", "d" * 64, "cache", ())
    target = make_target(Platform.LINUX, Abi.X86_64)
    names = {
        request_name(replace(request("linux"), models=(), limits=limits), (), source, target, host)
        for limits in (Limits(), Limits(exact=True), Limits(relative=0.5), Limits(absolute=0.5))
    }
    assert len(names) == 4


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


def net(**facts: Any) -> Model:
    return Model(
        "net", Path("m.pt"), Path("m.ptl"), "0" * 64, ModelFormat.LITE, 8, 10, (),
        frozenset(), frozenset({"Float"}), **{"bundled_inputs": False, **facts},
    )  # fmt: skip


SHAPES = InputSpec(shapes=((1,),), dtypes=("float32",))
TRACE = Trace("2.13", 1, (), (), (), MADE)


def test_dtypes_made_at_run_time_are_compiled(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, heard = traced(monkeypatch, TRACE), Patient()
    wish = replace(request("linux"), inputs=(SHAPES,))
    (found,) = executing.with_run_dtypes((net(),), wish, host, heard)
    assert asked == [SHAPES]
    assert found.run_dtypes == {"Short"}, "quantized ones come with what makes them"
    assert "Short" in make_profile(select((found,)), None).dtypes
    assert "net: Short, made by aten::to.dtype: its kernels are built" in heard.notes
    assert not any("Float" in note for note in heard.notes), "every runtime has them"


def test_chosen_dtypes_stay_as_they_are_chosen(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    traced(monkeypatch, TRACE)
    heard = Patient()
    wish = replace(request("linux"), inputs=(SHAPES,), dtypes=frozenset({"Float", "QInt8"}))
    assert executing.with_run_dtypes((net(),), wish, host, heard) == (net(),)
    assert heard.notes == ["net: Short, made by aten::to.dtype: --dtypes leaves it out"]


def test_models_without_inputs_are_not_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = traced(monkeypatch, TRACE)
    models = (net(), net(bundled_inputs=True))
    found = executing.with_run_dtypes(models, request("linux"), host, Patient())
    assert asked == [InputSpec(bundled=True)]
    assert [sorted(it.run_dtypes) for it in found] == [[], ["Short"]]


def test_a_model_that_does_not_run_is_built_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is told once the runtime is run, too."""
    traced(monkeypatch, ModelError("net does not run"), ToolchainError("no torch"))
    heard, wish = Patient(), replace(request("linux"), inputs=(SHAPES, SHAPES))
    assert executing.with_run_dtypes((net(), net()), wish, host, heard) == (net(), net())
    assert heard.notes == [
        "net does not run: the dtypes it makes are not known",
        "no torch: the dtypes it makes are not known",
    ]


def test_inputs_that_cannot_be_read_are_refused_before_anything_is_built(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced(monkeypatch, UsageError("cannot use the inputs"))
    wish = replace(request("linux"), inputs=(SHAPES,))
    with pytest.raises(UsageError):
        executing.with_run_dtypes((net(),), wish, host, Patient())
