import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest

from builder.cli import main
from builder.commands import diagnosis
from builder.foundation.process import Host
from builder.foundation.settings import BuildSettings
from builder.toolchains import zig
from builder.vocabulary.plan import Program
from tests.conftest import FakeRunner
from tests.ndk import lay_out
from tests.unit.toolchains.java.test_jdk import make_jdk


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: FakeRunner) -> FakeRunner:
    """A machine on which everything is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cmake", "ninja"):
        (folder / name).touch(mode=0o755)
    runner.answer("cmake", "cmake version 3.31\n")
    runner.answer("ninja", "1.13\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none" / "python"))
    monkeypatch.setattr(zig, "find_zig", lambda: Program("zig", Path("/z/zig"), "0.17.1"))
    monkeypatch.setattr(diagnosis, "version", lambda _: "2.13.0")
    monkeypatch.setattr(diagnosis, "find_executor", lambda *_: "no qemu")
    return runner


def states(host: Host) -> dict[str, tuple[str, str]]:
    return {
        row["what"]: (row["state"], row["detail"])
        for row in diagnosis.doctor(BuildSettings(), host)
    }


@pytest.mark.usefixtures("machine")
def test_a_machine_that_can_build(host: Host, tmp_path: Path) -> None:
    found = states(host)
    assert {state for state, _ in found.values()} <= {"ok", "optional"}
    assert found["cmake"] == ("ok", f"3.31 at {tmp_path}/bin/cmake")
    assert found["zig"] == ("ok", "0.17.1 at /z/zig")
    assert found["torch"][0] == "ok"
    assert found["running arm64-v8a"] == ("optional", "no qemu")
    assert found["source"][0] == "optional"
    assert "or pass --source DIR" in found["source"][1]
    assert "GB free at" in found["disk"][1]
    assert not host.cache.exists(), "looking changes nothing"


@pytest.mark.usefixtures("machine")
def test_a_source_in_the_cache_is_seen(host: Host) -> None:
    stamp = host.cache / "sources" / "2.6.0-abc" / "stamp.json"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    assert states(host)["source"] == ("ok", "2.6.0 in the cache")


def test_what_is_missing_says_how_to_get_it(
    machine: FakeRunner, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> NoReturn:
        raise PackageNotFoundError

    (tmp_path / "bin" / "ninja").unlink()
    machine.answer("cmake", stderr="cannot load libuv", status=127)
    monkeypatch.setattr(diagnosis, "version", absent)
    found = states(host)
    assert found["ninja"][0] == found["cmake"][0] == found["torch"][0] == "missing"
    assert "pip install ninja" in found["ninja"][1]
    assert "cannot load libuv" in found["cmake"][1]
    assert "pip install torch" in found["torch"][1]


@pytest.mark.parametrize(("state", "status"), [("missing", 4), ("optional", 0), ("ok", 0)])
def test_the_doctor_tells_by_its_exit_code(
    state: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"what": "ninja", "state": state, "detail": "x"}
    monkeypatch.setattr(diagnosis, "doctor", lambda *_: [row])
    assert main(["doctor"]) == status
    assert capsys.readouterr().out == f"ninja  {state}  x\n"


@pytest.mark.usefixtures("machine")
def test_targets_say_what_builds_and_what_runs(host: Host) -> None:
    rows = {row["target"]: row for row in diagnosis.targets(BuildSettings(), host)}
    assert len(rows) == 8
    assert rows["linux-x86"] == {
        "target": "linux-x86", "triple": "x86-linux-gnu", "builds": "yes", "runs": "no qemu",
    }  # fmt: skip
    assert rows["android24-arm64-v8a"]["builds"] == "no: no Android NDK found"


@pytest.mark.usefixtures("machine")
def test_an_ndk_is_told_with_the_rule_that_found_it(host: Host, tmp_path: Path) -> None:
    ndk = lay_out(tmp_path / "ndk", "31.0.1")
    settings = BuildSettings(ndk=str(ndk), android_api=28)
    rows = [it for it in diagnosis.doctor(settings, host) if it["what"] == "ndk"]
    assert [it["state"] for it in rows] == ["ok", "optional"]
    assert rows[0]["detail"] == f"NDK r31 (31.0.1, clang 19.0.0) at {ndk} (--ndk {ndk})"
    assert "newer than what this release was made for" in rows[1]["detail"]
    targets = {row["target"]: row["builds"] for row in diagnosis.targets(settings, host)}
    assert targets["android28-arm64-v8a"] == "yes"


@pytest.mark.usefixtures("machine")
def test_a_machine_without_an_ndk_is_whole(host: Host) -> None:
    state, detail = states(host)["the Android NDK"]
    assert state == "optional"
    assert "looked in: $ANDROID_NDK_HOME (unset)" in detail


def test_tables_are_aligned() -> None:
    rows = [{"a": "1", "b": "long", "c": "x"}, {"a": "234", "b": "", "c": "y"}]
    assert diagnosis.table(rows) == "1    long  x\n234        y"
    assert diagnosis.table([]) == "(nothing)"


def test_a_kit_for_java_is_optional(host: Host, tmp_path: Path) -> None:
    def row() -> dict[str, str]:
        (found,) = (it for it in diagnosis.doctor(BuildSettings(), host) if it["what"] == "jdk")
        return found

    assert row()["state"] == "optional"
    assert row()["detail"].startswith("only classes for Java need one: no JDK was found")
    home = make_jdk(tmp_path / "jvm")
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "javac").symlink_to(home / "bin" / "javac")
    assert row() == {"what": "jdk", "state": "ok", "detail": f"17 at {home}"}
