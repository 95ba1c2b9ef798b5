"""The runner for real, with this Python as the program; what a command is, without starting any."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from builder.foundation.files import locked
from builder.foundation.process import (
    _OF_LAUNCHERS,
    Command,
    CommandError,
    Completed,
    Host,
    SubprocessRunner,
    TellingRunner,
)
from builder.vocabulary.errors import CompileError, ToolchainError
from tests.conftest import FakeRunner
from tests.places import ROOT


def python(code: str, cwd: Path, **env: str) -> Command:
    return Command((sys.executable, "-c", code), cwd, {"PATH": os.environ["PATH"], **env})


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text(encoding="utf-8")).endswith("\n"):
            return text
        time.sleep(0.02)
    pytest.fail(f"{path} did not appear")


def test_a_command_can_be_pasted_into_a_shell() -> None:
    command = Command(
        ("cc", "-D", "A='b c'"),
        Path("/a dir"),
        {"PATH": "/bin", "https_proxy": "http://user:secret@host", "LC_ALL": "C", "CACHE": "/x y"},
    )
    assert str(command) == "cd '/a dir' && CACHE='/x y' LC_ALL=C cc -D 'A='\"'\"'b c'\"'\"''"


def test_a_telling_runner_says_what_it_starts(runner: FakeRunner, tmp_path: Path) -> None:
    told: list[str] = []
    telling = TellingRunner(runner, told.append)
    runner.answer("cc", "made\n")
    command, log = Command(("cc", "a b.c"), Path("/x"), {}), tmp_path / "log"
    lines: list[str] = []
    telling.run(command, log=log, on_line=lines.append)
    assert telling.capture(command).stdout == "made\n"
    with telling.background(command) as finish:
        assert finish().status == 0
    assert runner.commands == [command] * 3
    assert lines == ["made"]
    assert told == [f"$ {command}   (log: {log})", f"$ {command}", f"$ {command}"]


def test_equal_commands_are_equal() -> None:
    assert Command(("cc",), Path("/"), {"A": "1"}) == Command(("cc",), Path("/"), {"A": "1"})
    assert Command(("cc",), Path("/"), {"A": "1"}) != Command(("cc",), Path("/"), {"A": "2"})


def test_children_see_what_they_need_and_nothing_that_steers_them(tmp_path: Path) -> None:
    env = {"PATH": "/bin", "HOME": "/h", "CFLAGS": "-O0", "LC_ALL": "de_DE", "CC": "tcc"}
    host = Host(env=env, runner=FakeRunner(), cache=tmp_path, jobs=1)
    assert host.child_env(ZIG="1") == {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C.UTF-8",
        "ZIG": "1",
    }


def test_a_fast_test_cannot_start_a_process_or_open_a_socket() -> None:
    with pytest.raises(pytest.fail.Exception, match="may not do this"):
        subprocess.Popen([sys.executable, "-V"])
    with pytest.raises(pytest.fail.Exception, match="may not do this"):
        socket.create_connection(("localhost", 9))


def test_the_fake_runner_keeps_the_contract(tmp_path: Path) -> None:
    runner = FakeRunner()
    runner.answer("cc", "compiling\n", stderr="a.c: no\n", status=1)
    lines: list[str] = []
    cc = Command(("/usr/bin/cc", "a.c"), tmp_path)
    with pytest.raises(CommandError):
        runner.run(cc, log=tmp_path / "log", on_line=lines.append)
    assert (lines, runner.programs) == (["compiling", "a.c: no"], ["cc"])
    assert runner.capture(Command(("ld",), tmp_path)).status == 0


def test_an_error_shows_the_last_lines_the_log_and_how_to_repeat(tmp_path: Path) -> None:
    error = CommandError(Command(("/bin/ninja",), tmp_path), 1, tmp_path / "log", ("one", "two"))
    assert isinstance(error, CompileError)
    assert error.message == (
        f"ninja failed with status 1\n    one\n    two\n  log: {tmp_path / 'log'}"
    )
    assert error.hint.endswith(f"cd {tmp_path} && /bin/ninja")


@pytest.mark.parametrize(
    ("status", "told"),
    [(0, "status 0"), (3, "status 3"), (-11, "ended by SIGSEGV"), (-99, "ended by signal 99")],
)
def test_how_a_program_ended_is_told_in_words(status: int, told: str) -> None:
    assert Completed(status, "", "").ending == told


@pytest.mark.native
class TestSubprocessRunner:
    def test_lines_arrive_and_are_logged(self, tmp_path: Path) -> None:
        code = (
            "import sys; print('out'); print('err', file=sys.stderr); print('no newline', end='')"
        )
        log = tmp_path / "logs" / "build.log"
        lines: list[str] = []
        command = python(code, tmp_path, PYTHONUNBUFFERED="1")
        SubprocessRunner().run(command, log=log, on_line=lines.append)
        assert lines == ["out", "err", "no newline"]
        assert log.read_text(encoding="utf-8") == f"$ {command}\nout\nerr\nno newline\n"

    def test_the_log_is_appended_to(self, tmp_path: Path) -> None:
        for _ in range(2):
            SubprocessRunner().run(python("print(1)", tmp_path), log=tmp_path / "log")
        assert (tmp_path / "log").read_text(encoding="utf-8").count("\n1\n") == 2

    def test_bytes_that_are_no_text_do_not_stop_the_build(self, tmp_path: Path) -> None:
        code = r"import sys; sys.stdout.buffer.write(b'\xff\xfe ok\n')"
        lines: list[str] = []
        SubprocessRunner().run(python(code, tmp_path), log=tmp_path / "log", on_line=lines.append)
        assert lines[0].endswith(" ok")

    def test_a_failure_carries_the_last_lines(self, tmp_path: Path) -> None:
        code = "print(*range(100), sep='\\n'); raise SystemExit(3)"
        with pytest.raises(CommandError) as caught:
            SubprocessRunner().run(python(code, tmp_path), log=tmp_path / "log")
        assert caught.value.status == 3
        assert caught.value.tail == tuple(str(number) for number in range(70, 100))

    def test_the_environment_is_exactly_what_was_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CFLAGS", "-O0")
        code = "import os; print(os.environ.get('CFLAGS'), os.environ['ONLY'], os.getcwd())"
        completed = SubprocessRunner().capture(python(code, tmp_path, ONLY="this"))
        assert completed.stdout.split() == ["None", "this", str(tmp_path)]

    def test_capture_keeps_the_streams_apart(self, tmp_path: Path) -> None:
        code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(2)"
        completed = SubprocessRunner().capture(python(code, tmp_path))
        assert (completed.status, completed.stdout, completed.stderr) == (2, "out\n", "err\n")

    def test_programs_read_no_input(self, tmp_path: Path) -> None:
        completed = SubprocessRunner().capture(python("print(repr(input()))", tmp_path))
        assert "EOFError" in completed.stderr

    def test_capture_gives_up_after_the_timeout(self, tmp_path: Path) -> None:
        started = time.monotonic()
        completed = SubprocessRunner().capture(
            python("import time; time.sleep(60)", tmp_path), timeout=0.5
        )
        assert completed.status == -signal.SIGKILL
        assert completed.stderr == "no answer within 0.5 s"
        assert time.monotonic() - started < 10

    def test_a_command_in_the_background_runs_beside_the_body(self, tmp_path: Path) -> None:
        code = (
            "import sys; print('out'); print('err', file=sys.stderr)\n"
            "open('pid', 'w').write('1\\n'); sys.exit(2)"
        )
        with SubprocessRunner().background(python(code, tmp_path)) as finish:
            wait_for(tmp_path / "pid")
            completed = finish()
        assert (completed.status, completed.stdout, completed.stderr) == (2, "out\n", "err\n")

    def test_a_command_in_the_background_ends_with_the_body(self, tmp_path: Path) -> None:
        code = "import os, time; open('pid', 'w').write(f'{os.getpid()}\\n'); time.sleep(60)"
        with SubprocessRunner().background(python(code, tmp_path)):
            pid = int(wait_for(tmp_path / "pid"))
            assert alive(pid)
        assert not alive(pid)

    def test_a_missing_program_is_a_missing_tool(self, tmp_path: Path) -> None:
        with pytest.raises(ToolchainError, match="cannot start no-such-tool: No such file"):
            SubprocessRunner().capture(Command(("no-such-tool",), tmp_path))

    def test_a_missing_directory_is_not_blamed_on_the_program(self, tmp_path: Path) -> None:
        with pytest.raises(ToolchainError, match="gone is not a directory"):
            SubprocessRunner().run(python("", tmp_path / "gone"), log=tmp_path / "log")

    @pytest.mark.parametrize("stubborn", [False, True])
    def test_an_interrupt_ends_the_whole_group(self, tmp_path: Path, *, stubborn: bool) -> None:
        child = "import time; time.sleep(60)"
        if stubborn:
            child = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {child}"
        code = (
            "import subprocess, sys, time\n"
            f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
            "time.sleep(1)\n"
            "open('pid', 'w').write(f'{child.pid}\\n')\n"
            "print('started', flush=True)\n"
            "time.sleep(60)\n"
        )

        def interrupt(_: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            SubprocessRunner().run(python(code, tmp_path), log=tmp_path / "log", on_line=interrupt)
        pid = int(wait_for(tmp_path / "pid"))
        deadline = time.monotonic() + 10
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(pid)


@pytest.mark.native
def test_a_lock_holds_across_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    code = (
        "import os, time; from pathlib import Path; from builder.foundation.files import locked\n"
        f"with locked(Path({str(tmp_path / 'lock')!r})):\n"
        f"    Path({str(tmp_path / 'pid')!r}).write_text(f'{{os.getpid()}}\\n')\n"
        "    time.sleep(60)\n"
    )
    holder = threading.Thread(
        target=SubprocessRunner().capture, args=(python(code, ROOT, PYTHONPATH=str(ROOT)),)
    )
    holder.start()
    pid = int(wait_for(tmp_path / "pid"))

    waited: list[bool] = []

    def kill(_: str) -> None:
        waited.append(True)
        os.kill(pid, signal.SIGKILL)

    with locked(tmp_path / "lock", on_wait=kill):
        assert waited == [True]
    holder.join(10)


def test_what_launchers_see_is_documented() -> None:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    _, _, told = text.partition("it sees those that begin with ")
    assert {*re.findall("`(.+?)`", told.partition(".")[0])} == {*_OF_LAUNCHERS}
