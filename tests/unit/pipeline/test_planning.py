"""The order of the stages: what is refused before anything is fetched or built."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.foundation.process import Host
from builder.libtorch.candidates import Group
from builder.pipeline import choosing
from builder.pipeline.choosing import (
    batches,
    find_targets,
    refuse_unreachable,
    refuse_unrunnable,
    refuse_without_inputs,
    refuse_without_tools,
)
from builder.pipeline.planning import ALWAYS, always_linked
from builder.pipeline.request import Request
from builder.pipeline.results import request_name
from builder.pipeline.wanted import Wanted
from builder.proof.executor import Executor
from builder.source.request import SourceRequest
from builder.toolchains.table import TOOLCHAINS
from builder.vocabulary.errors import ToolchainError, UsageError, VerificationError
from builder.vocabulary.models import InputSpec, Model, ModelFormat
from builder.vocabulary.plan import Java, SourceKind, SourceTree
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from builder.vocabulary.tolerances import Limits
from tests.conftest import FakeRunner
from tests.ndk import lay_out
from tests.unit.proof.test_adb import FakeDevice


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
        java=Java.OFF,  # whoever tests has no JDK
    )


def test_our_own_c_and_what_registers_itself_are_always_linked() -> None:
    ours, theirs = (
        Group(name, SourceKind.OWN, "native", "CXX", (f"src/{name}.cpp",), (), ())
        for name in ("native", "kernels")
    )
    assert always_linked((ours, theirs)) == (*ALWAYS, "native:src/native.cpp")


def test_every_platform_has_a_toolchain() -> None:
    assert set(TOOLCHAINS) == set(Platform)


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


def test_auto_is_android_where_an_ndk_is_found(host: Host, tmp_path: Path) -> None:
    ndk = lay_out(tmp_path / "ndk")
    heard = Heard()
    wish = replace(request("auto"), android_api=23)
    targets = find_targets(wish, replace(host, env={"ANDROID_NDK_ROOT": str(ndk)}), heard)
    assert [str(target) for target in targets] == ["android23-arm64-v8a", "android23-x86"]
    assert heard.notes == [
        (
            "platform: android, built with the Android NDK (an NDK was found; --platform linux"
            " builds for Linux)"
        ),
        f"toolchain: NDK r24 (24.0.8215888, clang 19.0.0) at {ndk} ($ANDROID_NDK_ROOT)",
    ]


def test_auto_says_what_is_wrong_with_a_named_ndk(host: Host, tmp_path: Path) -> None:
    ndk = lay_out(tmp_path / "ndk", "21.4.7075529")
    env = {"ANDROID_NDK_HOME": str(ndk)}
    heard = Heard()
    targets = find_targets(request("auto"), replace(host, env=env), heard)
    assert [str(target) for target in targets] == ["linux-arm64-v8a", "linux-x86"]
    assert "r21e (21.4.7075529) is too old" in heard.notes[0]
    with pytest.raises(ToolchainError, match="is too old"):
        find_targets(replace(request("auto"), ndk=str(ndk)), host, heard)


def test_a_named_platform_needs_no_words(host: Host) -> None:
    heard = Heard()
    targets = find_targets(request("linux"), host, heard)
    assert all(isinstance(target, Target) for target in targets)
    assert not heard.notes


def test_android_is_refused_before_anything_is_done(host: Host) -> None:
    with pytest.raises(ToolchainError, match="no Android NDK found") as caught:
        refuse_without_tools(request("android"), host)
    assert "--ndk PATH" in caught.value.hint


def test_a_level_the_ndk_has_not_is_refused_before_anything_is_done(
    host: Host, tmp_path: Path
) -> None:
    wish = replace(request("android"), ndk=str(lay_out(tmp_path / "ndk")), android_api=99)
    with pytest.raises(UsageError, match="has the levels 19 to 32, not 99"):
        refuse_without_tools(wish, host)


def test_another_tolerance_is_another_request(host: Host) -> None:
    """What was proven less strictly is no answer for `--exact`."""
    source = SourceTree("2.6.0", "d" * 64, "cache", ())
    target = make_target(Platform.LINUX, Abi.X86_64)
    names = {
        request_name(
            replace(request("linux"), models=(), limits=limits), Wanted(()), source, target, host
        )
        for limits in (Limits(), Limits(exact=True), Limits(relative=0.5), Limits(absolute=0.5))
    }
    assert len(names) == 4


def net(**facts: Any) -> Model:
    return Model(
        "net", Path("m.pt"), Path("m.ptl"), "0" * 64, ModelFormat.LITE, 8, 10, (),
        frozenset(), frozenset({"Float"}), **{"bundled_inputs": False, **facts},
    )  # fmt: skip


SHAPES = InputSpec(shapes=((1,),), dtypes=("float32",))


def test_a_run_that_is_required_is_refused_where_there_is_nothing_to_run_it_on() -> None:
    wish = replace(request("linux"), require_run=True, inputs=(InputSpec(), SHAPES, InputSpec()))
    wanted = Wanted((net(), net(), net(bundled_inputs=True)))
    with pytest.raises(VerificationError, match="no inputs were given for net, and none"):
        refuse_without_inputs(wish, wanted)
    refuse_without_inputs(replace(wish, require_run=False), wanted)


@pytest.mark.parametrize("offline", [False, True])
def test_a_run_that_is_required_is_refused_where_nothing_can_run(
    host: Host, monkeypatch: pytest.MonkeyPatch, offline: bool  # noqa: FBT001
) -> None:  # fmt: skip
    asked = "find_executor" if offline else "fetch_executor"
    monkeypatch.setattr(choosing, asked, lambda target, *_, **__: f"no emulator of {target.abi}")
    wish = replace(request("linux"), require_run=True, source=SourceRequest(offline=offline))
    targets = find_targets(wish, host, Heard())
    with pytest.raises(VerificationError) as caught:
        refuse_unrunnable(wish, targets, host, Heard())
    assert caught.value.message.splitlines() == [
        "the models cannot be run for linux-arm64-v8a: no emulator of arm64-v8a",
        "    linux-x86: no emulator of x86",
    ]
    refuse_unrunnable(replace(wish, require_run=False), targets, host, Heard())


def test_a_run_that_is_required_may_be_that_of_a_twin(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = {Abi.ARM64_V8A: Executor((), "natively")}
    monkeypatch.setattr(
        choosing, "fetch_executor",
        lambda target, *_, **__: (
            "never" if target.platform is Platform.ANDROID else ran.get(target.abi, "no qemu-i386")
        ),
    )  # fmt: skip
    wish = replace(request("android"), require_run=True, prove_twin=True)
    one, other = (make_target(Platform.ANDROID, abi) for abi in (Abi.ARM64_V8A, Abi.X86))
    refuse_unrunnable(wish, [one], host, Heard())
    with pytest.raises(VerificationError) as caught:
        refuse_unrunnable(wish, [one, other], host, Heard())
    assert caught.value.message == (
        "the models cannot be run for android24-x86: never; nor in a twin for linux-x86:"
        " no qemu-i386"
    )
    with pytest.raises(VerificationError, match="run for android24-arm64-v8a: never\n"):
        refuse_unrunnable(replace(wish, prove_twin=False), [one], host, Heard())


def test_a_device_need_not_run_all_that_is_built(
    host: Host, runner: FakeRunner, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/adb").touch(mode=0o755)
    runner.answer_with("adb", FakeDevice().adb)  # of arm64-v8a and armeabi-v7a
    wish = replace(request("android"), runner="adb")
    one, other = (make_target(Platform.ANDROID, abi) for abi in (Abi.ARM64_V8A, Abi.X86))
    refuse_unreachable(wish, [one, other], host)
    with pytest.raises(ToolchainError, match="runs arm64-v8a,armeabi-v7a, not x86"):
        refuse_unreachable(wish, [other], host)
    required = replace(wish, require_run=True)
    with pytest.raises(VerificationError) as caught:
        refuse_unrunnable(required, [one, other], host, Heard())
    assert caught.value.message == (
        "the models cannot be run for android24-x86: device emulator-5554 runs"
        " arm64-v8a,armeabi-v7a, not x86"
    )


def test_a_tool_that_is_missing_is_told_at_once(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "ninja" else f"/{name}")
    with pytest.raises(ToolchainError, match="ninja was not found"):
        refuse_without_tools(request("linux"), host)
    with pytest.raises(ToolchainError, match="no Android NDK found"):
        refuse_without_tools(request("android"), host)
