"""Running programs: commands are data, runners are the only door to `subprocess`."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final, Protocol

from builder.vocabulary.errors import CompileError, ToolchainError

_TAIL: Final = 30
_GRACE: Final = 5.0
"""Seconds a program gets between being asked to end and being killed."""

_PASSED_ON: Final = (
    "PATH", "HOME", "TMPDIR", "USER", "SSL_CERT_FILE", "CURL_CA_BUNDLE",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Variables of the user that children see; the user's shell has them too (and some are secret)."""

NO_LAUNCHER: Final = "off"

_OF_LAUNCHERS: Final = ("SCCACHE_", "CCACHE_", "AWS_", "ACTIONS_", "XDG_")
"""How variables begin that tell compiler launchers where their caches are, and what opens these."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: printable, comparable, and replayable by hand.

    `env` is the whole environment the program gets; the caller builds it from an allow-list.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        """Return a line to paste into a shell that does the same."""
        words = [
            *(
                f"{name}={shlex.quote(self.env[name])}"
                for name in sorted(self.env.keys() - _PASSED_ON)
                if not name.startswith(_OF_LAUNCHERS)
            ),
            shlex.join(self.argv),
        ]
        return f"cd {shlex.quote(str(self.cwd))} && {' '.join(words)}"


@dataclass(frozen=True, slots=True)
class Completed:
    """What a captured program left behind. A negative `status` is the signal that ended it."""

    status: int
    stdout: str
    stderr: str

    @property
    def ending(self) -> str:
        """How it ended, for people: by itself with a status, or by a signal."""
        if self.status >= 0:
            return f"status {self.status}"
        known = {it.value: it.name for it in signal.Signals}
        return f"ended by {known.get(-self.status, f'signal {-self.status}')}"


class Runner(Protocol):
    """Three ways to run a command: watched and logged, captured, or captured while we go on."""

    def run(
        self, command: Command, *, log: Path, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Run, append all output to `log`, pass each line on; raise `CompileError` on failure."""

    def capture(self, command: Command, *, timeout: float | None = None) -> Completed:
        """Run and return status and output; raise `ToolchainError` only if it cannot start."""

    def background(self, command: Command) -> AbstractContextManager[Callable[[], Completed]]:
        """Run while the body goes on; what is yielded waits for the end and returns the output.

        The command is ended when the body is left before. Raises as `capture` does.
        """


class CommandError(CompileError):
    """A command of the build failed: the message carries its last lines and how to repeat it."""

    def __init__(self, command: Command, status: int, log: Path, tail: tuple[str, ...]) -> None:
        """Compose the message from the parts, which stay readable as attributes."""
        self.command = command
        self.status = status
        self.log = log
        self.tail = tail
        shown = "\n".join(f"    {line}" for line in tail)
        super().__init__(
            f"{Path(command.argv[0]).name} failed with status {status}\n{shown}\n  log: {log}",
            hint=f"read the log, or repeat it by hand:\n    {command}",
        )


class SubprocessRunner:
    """The real runner. A child lives in its own process group, so an interrupt ends all of it."""

    def run(
        self, command: Command, *, log: Path, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Run, append all output to `log`, pass each line on; raise `CommandError` on failure."""
        log.parent.mkdir(parents=True, exist_ok=True)
        tail: deque[str] = deque(maxlen=_TAIL)
        with log.open("a", encoding="utf-8", errors="replace", buffering=1) as sink:
            sink.write(f"$ {command}\n")
            process = _start(command, stderr=subprocess.STDOUT)
            try:
                assert process.stdout is not None
                with process.stdout as lines:
                    for line in lines:
                        text = line.rstrip("\n")
                        sink.write(text + "\n")
                        tail.append(text)
                        if on_line is not None:
                            on_line(text)
                status = process.wait()
            except BaseException:
                _end(process)
                raise
        if status != 0:
            raise CommandError(command, status, log, tuple(tail))

    def capture(self, command: Command, *, timeout: float | None = None) -> Completed:
        """Run and return status and output; raise `ToolchainError` if it cannot start."""
        process = _start(command, stderr=subprocess.PIPE)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            return Completed(-signal.SIGKILL, "", f"no answer within {timeout:g} s")
        except BaseException:
            _end(process)
            raise
        return Completed(process.returncode, stdout, stderr)

    @contextmanager
    def background(self, command: Command) -> Iterator[Callable[[], Completed]]:
        """Run while the body goes on: see `Runner`. The output goes to files: nobody drains it."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = _start(command, stdout=out, stderr=err)

            def finish() -> Completed:
                process.wait()
                return Completed(process.returncode, _text(out), _text(err))

            try:
                yield finish
            finally:
                if process.poll() is None:
                    _end(process)


class TellingRunner:
    """A runner that says each command before it is started, as a line to paste into a shell."""

    def __init__(self, runner: Runner, tell: Callable[[str], None]) -> None:
        """Let `runner` do the work."""
        self._runner = runner
        self._tell = tell

    def run(
        self, command: Command, *, log: Path, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Say it, and run it: see `Runner`."""
        self._tell(f"$ {command}   (log: {log})")
        self._runner.run(command, log=log, on_line=on_line)

    def capture(self, command: Command, *, timeout: float | None = None) -> Completed:
        """Say it, and capture it: see `Runner`."""
        self._tell(f"$ {command}")
        return self._runner.capture(command, timeout=timeout)

    def background(self, command: Command) -> AbstractContextManager[Callable[[], Completed]]:
        """Say it, and run it while the body goes on: see `Runner`."""
        self._tell(f"$ {command}")
        return self._runner.background(command)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", errors="replace")


def _start(
    command: Command,
    *,
    stderr: int | IO[bytes],
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        if not command.cwd.is_dir():
            reason = f"{command.cwd} is not a directory"
        message = f"cannot start {command.argv[0]}: {reason}"
        hint = "run `build-runtime doctor` to see what was found"
        raise ToolchainError(message, hint=hint) from error


def _end(process: subprocess.Popen[str]) -> None:
    with process:  # closes its pipes
        try:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE)
        finally:  # also what the leader of the group left behind, also on a second interrupt
            _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@dataclass(frozen=True, slots=True)
class Host:
    """The machine and the user's wishes about it, made once by the command line.

    `launcher` is the name or path of a compiler launcher, or `off` or `auto`.
    """

    env: Mapping[str, str]
    runner: Runner
    cache: Path
    jobs: int
    launcher: str = NO_LAUNCHER

    def child_env(self, **extra: str) -> dict[str, str]:
        """Return what a child gets: what programs need to run, nothing that steers them."""
        kept = {name: self.env[name] for name in _PASSED_ON if name in self.env}
        return {**kept, "LC_ALL": "C.UTF-8", **extra}

    def launcher_env(self) -> dict[str, str]:
        """Return what steers compiler launchers, secrets included: it is for them alone."""
        return {name: it for name, it in self.env.items() if name.startswith(_OF_LAUNCHERS)}
