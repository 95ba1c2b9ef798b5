import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.proof import execution
from builder.proof.execution import find_executor, find_runner, registered_operators
from builder.proof.executor import Executor
from builder.vocabulary.errors import ToolchainError, VerificationError
from builder.vocabulary.targets import Abi, Platform, Target, TargetFacts, target_facts
from tests.conftest import FakeRunner

ARM = Target(Platform.LINUX, Abi.ARM64_V8A)


@pytest.fixture(autouse=True)
def _foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Put an executable on the PATH of `host`."""

    def make(name: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def sysroot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def moved(target: Target) -> TargetFacts:
        return replace(target_facts(target), sysroot=str(tmp_path / "sysroot"))

    monkeypatch.setattr(execution, "target_facts", moved)
    return tmp_path / "sysroot"


def test_android_programs_do_not_run_here(host: Host) -> None:
    reason = find_executor(Target(Platform.ANDROID, Abi.X86_64, 24), host)
    assert reason == "android programs do not run here; --runner names what runs them"


def test_own_programs_run_natively(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loader = tmp_path / "ld.so"
    loader.touch()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    def with_loader(target: Target) -> TargetFacts:
        return replace(target_facts(target), loader=str(loader))

    monkeypatch.setattr(execution, "target_facts", with_loader)
    assert find_executor(ARM, host) == Executor((), "natively")
    loader.unlink()
    assert isinstance(find_executor(ARM, host), str), "without a C library nothing can run"


def test_without_an_emulator_the_reason_says_what_to_install(host: Host) -> None:
    reason = find_executor(ARM, host)
    told = "no qemu-aarch64 on PATH (Debian: apt install qemu-user libc6-arm64-cross)"
    assert reason == told


@pytest.mark.parametrize("name", ["qemu-aarch64", "qemu-aarch64-static"])
def test_foreign_programs_run_under_the_emulator(
    host: Host, program: Callable[[str], Path], sysroot: Path, name: str
) -> None:
    sysroot.mkdir()
    found = program(name)
    executor = Executor((str(found), "-L", str(sysroot)), f"under {name}")
    assert find_executor(ARM, host) == executor


@pytest.mark.usefixtures("sysroot")
def test_an_emulator_without_a_c_library_is_not_enough(
    host: Host, program: Callable[[str], Path]
) -> None:
    program("qemu-aarch64")
    reason = find_executor(ARM, host)
    assert isinstance(reason, str)
    assert "no C library for arm64-v8a" in reason


def test_a_program_is_run_behind_its_prefix(host: Host, runner: FakeRunner) -> None:
    Executor(("qemu", "-L", "/sys root"), "under qemu").run(Path("/p/run"), "a b", host=host)
    assert runner.commands[0].argv == ("qemu", "-L", "/sys root", "/p/run", "a b")


def test_the_runtime_lists_its_operators(host: Host, runner: FakeRunner) -> None:
    runner.answer("run", '["aten::add.Tensor", "aten::mul.Tensor"]')
    found = registered_operators(Executor((), "natively"), Path("/p/run"), host)
    assert found == {"aten::add.Tensor", "aten::mul.Tensor"}


@pytest.mark.parametrize("answer", ["", "not json", '{"a": 1}', "[1]"])
def test_an_answer_that_is_no_list_of_operators_is_refused(
    host: Host, runner: FakeRunner, answer: str
) -> None:
    runner.answer("run", answer)
    with pytest.raises(VerificationError, match="does not list its operators"):
        registered_operators(Executor((), "natively"), Path("/p/run"), host)


def test_a_runtime_that_does_not_start_is_repeatable_by_hand(
    host: Host, runner: FakeRunner
) -> None:
    runner.answer("qemu", stderr="cannot open libc\n", status=255)
    with pytest.raises(VerificationError) as caught:
        registered_operators(Executor(("qemu",), "under qemu"), Path("/p/my run"), host)
    assert caught.value.message == "the runtime does not start: cannot open libc"
    assert caught.value.hint == "repeat it by hand: qemu '/p/my run' --operators"


class Hanging(FakeRunner):
    """A runner whose programs never end by themselves."""

    def capture(self, command: Command, *, timeout: float | None = None) -> Completed:
        assert timeout is not None
        self.commands.append(command)
        return Completed(-9, "", f"no answer within {timeout:g} s")


def test_a_runner_that_hangs_is_told_long_before_a_model_had_to_answer(host: Host) -> None:
    with pytest.raises(VerificationError, match="does not start: no answer within 120 s"):
        registered_operators(
            Executor(("run",), "by run"), Path("/p/run"), replace(host, runner=Hanging())
        )
    told = Executor(("run",), "by run").run(Path("/p/run"), host=replace(host, runner=Hanging()))
    assert told.stderr == "no answer within 900 s"


def test_a_runner_of_the_user_comes_first(
    host: Host, program: Callable[[str], Path], runner: FakeRunner
) -> None:
    found = program("emulate")
    target = Target(Platform.ANDROID, Abi.X86_64, 24)
    executor = find_executor(target, host, "emulate --root '/a b'")
    assert isinstance(executor, Executor)
    assert executor.how == "by emulate"
    executor = executor.showing(Path("/made here/lib/libx.so"))
    executor.run(Path("/made here/bin/run"), "--operators", host=host)
    (command,) = runner.commands
    assert command.argv == (str(found), "--root", "/a b", "/made here/bin/run", "--operators")
    assert command.env["LD_LIBRARY_PATH"] == "/made here/lib"
    assert executor.line(Path("/p/bin/run"), "x") == (
        f"LD_LIBRARY_PATH='/made here/lib' {found} --root '/a b' /p/bin/run x"
    )


@pytest.mark.parametrize("line", ["nowhere --x", "/nowhere/run", "'open", ""])
def test_a_runner_that_is_not_there_is_refused(host: Host, line: str) -> None:
    with pytest.raises(ToolchainError, match="the runner ") as caught:
        find_runner(line or "''", host)
    assert caught.value.hint


def test_a_file_that_is_no_program_is_told(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("exec qemu")
    with pytest.raises(ToolchainError, match=r"the runner .*run\.sh was not found") as caught:
        find_runner(str(script), host)
    assert caught.value.looked_in == (f"{script} (not executable)",)


def test_a_loader_of_this_machine_needs_no_help(host: Host, runner: FakeRunner) -> None:
    native = Executor((), "natively")
    assert native.showing(Path("/lib/libx.so")) == native
    native.run(Path("/p/run"), host=host)
    assert "LD_LIBRARY_PATH" not in runner.commands[0].env
