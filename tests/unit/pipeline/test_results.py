from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.pipeline import results
from builder.pipeline.request import Request
from builder.pipeline.results import is_final, request_name
from builder.pipeline.wanted import Wanted
from builder.proof.executor import Executor
from builder.source.request import SourceRequest
from builder.toolchains import zig
from builder.toolchains.zig import find_zig
from builder.vocabulary.checks import OUTPUTS, RUN, Check, Outcome
from builder.vocabulary.plan import Java, SourceTree
from builder.vocabulary.targets import Abi, Platform, Target, make_target
from tests.conftest import FakeRunner
from tests.ndk import lay_out
from tests.unit.proof.test_adb import FakeDevice
from tests.unit.toolchains.java.test_jdk import make_jdk

ARM = make_target(Platform.LINUX, Abi.ARM64_V8A)
ANDROID = make_target(Platform.ANDROID, Abi.ARM64_V8A, 24)
SOURCE = SourceTree("2.6.0", "d" * 64, "cache", ())
UNPROVEN = (Check(name=RUN, outcome=Outcome.SKIPPED, reasons=("no qemu-aarch64 on PATH",)),)
PROVEN = (Check(name=OUTPUTS, outcome=Outcome.PASSED),)


def request(*, offline: bool = False, verify: bool = True) -> Request:
    source = SourceRequest(offline=offline)
    return Request(
        models=(Path("m.pt"),), source=source, inputs=(), verify=verify, require_run=False,
        java=Java.OFF,
    )  # fmt: skip


@pytest.mark.parametrize("fetchable", [False, True])
def test_a_run_that_may_yet_be_possible_is_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, fetchable: bool
) -> None:
    monkeypatch.setattr(results, "can_fetch", lambda *_: fetchable)
    assert is_final(UNPROVEN, request(), ARM, host) != fetchable
    assert is_final(PROVEN, request(), ARM, host)
    assert is_final(UNPROVEN, request(offline=True), ARM, host)
    assert is_final(UNPROVEN, request(verify=False), ARM, host)


def test_a_twin_that_may_yet_be_run_is_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "can_fetch", lambda target, _: target == ARM)
    wish = replace(request(), prove_twin=True)
    twin = replace(UNPROVEN[0], runner="in a twin for linux-arm64-v8a")
    assert not is_final((*UNPROVEN, twin), wish, ANDROID, host)
    assert is_final((*UNPROVEN, *PROVEN), wish, ANDROID, host)


def test_how_a_twin_runs_is_part_of_the_request(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wish = replace(request(), prove_twin=True, ndk=str(lay_out(tmp_path / "ndk")))
    monkeypatch.setattr(results, "find_executor", lambda target, *_: f"nothing for {target}")
    alone, before = (name(replace(wish, prove_twin=it), ANDROID, host) for it in (False, True))
    found = Executor((), "under qemu-aarch64")
    monkeypatch.setattr(
        results, "find_executor", lambda it, *_: found if it == ARM else f"nothing for {it}"
    )
    assert before != name(wish, ANDROID, host)
    assert alone == name(replace(wish, prove_twin=False), ANDROID, host)


def test_another_compiler_of_a_twin_is_another_request(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wish = replace(request(), ndk=str(lay_out(tmp_path / "ndk")))
    proven = replace(wish, prove_twin=True)
    monkeypatch.setattr(results, "find_executor", lambda target, *_: f"nothing for {target}")
    before = [name(it, ANDROID, host) for it in (wish, proven)]
    later = replace(find_zig(), version="99.1")
    monkeypatch.setattr(zig, "find_zig", lambda: later)
    alone, with_twin = (name(it, ANDROID, host) for it in (wish, proven))
    assert alone == before[0], "it has no part in the library"
    assert with_twin != before[1]


def name(wish: Request, target: Target, host: Host) -> str:
    return request_name(replace(wish, models=()), Wanted(()), SOURCE, target, host)


def program(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)


def test_another_runner_is_another_request(host: Host, tmp_path: Path) -> None:
    program(tmp_path / "bin/sh")
    script = tmp_path / "run.sh"
    script.write_text("one")
    one, other = (replace(request(), runner=f"sh {script} {it}") for it in ("dev1", "dev2"))
    first = name(one, ARM, host)
    assert first == name(one, ARM, host)
    assert first != name(other, ARM, host)
    script.write_text("two")
    assert first != name(one, ARM, host), "the script is another one"


def test_another_device_is_another_request(host: Host, runner: FakeRunner, tmp_path: Path) -> None:
    program(tmp_path / "bin/adb")
    device = FakeDevice(listed="A\tdevice\nB\tdevice\n")
    runner.answer_with("adb", device.adb)
    wish = replace(request(), runner="adb", ndk=str(lay_out(tmp_path / "ndk")))
    first, second = (
        name(wish, ANDROID, replace(host, env={**host.env, "ANDROID_SERIAL": it})) for it in "AB"
    )
    assert first != second
    assert first == name(replace(wish, runner="adb:A"), ANDROID, host), "however it was named"
    unfit = make_target(Platform.ANDROID, Abi.X86, 24)
    assert name(replace(wish, runner="adb:A"), unfit, host) != first, "it has a name all the same"


def test_an_ndk_with_another_library_is_another_request(host: Host, tmp_path: Path) -> None:
    wishes = [replace(request(), ndk=str(lay_out(tmp_path / it))) for it in ("one", "other")]
    one, other = (name(it, ANDROID, host) for it in wishes)
    assert one == other, "wherever it lies"
    (library,) = (tmp_path / "other").rglob("aarch64-linux-android/libc++_static.a")
    library.write_text("of another build")
    assert name(wishes[1], ANDROID, host) != one


def test_another_jdk_is_another_request_where_it_compiles(host: Host, tmp_path: Path) -> None:
    hosts = [
        replace(host, env={**host.env, "JAVA_HOME": str(make_jdk(tmp_path / it, it))})
        for it in ("17.0.15", "17.0.16", "25")
    ]
    assert len({name(request(), ARM, it) for it in hosts}) == 1
    wish = replace(request(), java=Java.ON)
    one, same, other = (name(wish, ARM, it) for it in hosts)
    assert one == same != other
    usual = replace(request(), java=Java.AUTO, ndk=str(lay_out(tmp_path / "ndk")))
    assert len({name(usual, ARM, it) for it in hosts}) == 1
    assert len({name(usual, ANDROID, it) for it in hosts}) == 2, "as apps of Android are in Java"
