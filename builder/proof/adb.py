"""Run programs on an Android device by way of `adb`: push, run, pull, and leave nothing behind.

What the program prints goes to files on the device: before Android 7, `adb shell` mixes both
streams and does not tell how the program ended.
"""

import re
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Self
from uuid import uuid4

from builder.foundation.process import Command, Completed, Host
from builder.proof.executor import DEADLINE, Executor, UnfitError
from builder.vocabulary.errors import ToolchainError, VerificationError
from builder.vocabulary.targets import Platform, Target

NAME: Final = "adb"
"""What the setting `runner` says for a device: `adb`, or `adb:SERIAL`."""

_ROOM: Final = PurePosixPath("/data/local/tmp")  # where a shell's user may write, and run programs
_PID: Final = "pid"
_START: Final = 'echo $$ >"$0"; exec "$@"'
"""Keeps the number of the process in a file as long as the program runs."""

_HEADER: Final = "List of devices attached"
_ROW: Final = re.compile(r"^(\S+)\s+(device|offline|unauthorized|\S.*)$")
_SHORT: Final = 60.0  # seconds for a question; a push or a run may take longer
_PASSED: Final = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_PORT", "ANDROID_ADB_SERVER_ADDRESS")
_STATES: Final = {
    "offline": "is offline: unplug it, and plug it in again",
    "unauthorized": "does not trust this machine yet: allow USB debugging on its screen",
    "no permissions": "may not be used by this user: udev rules for it are missing",
}


@dataclass(frozen=True, slots=True)
class Device(Executor):
    """A device that programs are run on. An empty `serial` means the only one there is."""

    serial: str = ""

    def reach(self, target: Target, host: Host) -> Self:
        """Return it with its serial; raise `ToolchainError` if it cannot be used.

        Raise `UnfitError` if it can, and programs of `target` cannot run on it.
        """
        serial = self.serial or host.env.get("ANDROID_SERIAL", "")
        found = replace(self, serial=_choose(self._ask(host, "devices", device=False), serial))
        found.refuse_unfit(target, host)
        return replace(found, how=f"by adb on {found.serial}")

    def run(
        self, program: Path, *arguments: str | Path, host: Host, within: float = DEADLINE
    ) -> Completed:
        """Run a program on the device. Paths are files: those that exist are read, others written.

        Raise `VerificationError` with what adb says when it cannot do its part.
        """
        with self._room(host) as room, tempfile.TemporaryDirectory(prefix="build-runtime-") as name:
            files = {it: room / f"{n}-{it.name}" for n, it in enumerate(_paths(arguments))}
            started = room / program.name
            self._push(host, program, started)
            if self.library is not None:
                self._push(host, self.library, room / self.library.name)
            for path, there in files.items():
                if path.exists():
                    self._push(host, path, there)
            words = [str(files[it]) if isinstance(it, Path) else it for it in arguments]
            line = self._line(room, started, words)
            status = self._status(self._do(host, "shell", line, timeout=within))
            out, err = (self._read(host, room / it, Path(name, it)) for it in ("out", "err"))
            for path, there in files.items():
                # what failed may have written nothing
                with suppress(VerificationError) if status != 0 else nullcontext():
                    if not path.exists():
                        self._pull(host, there, path)
            return Completed(status, out, err)

    @staticmethod
    def _line(room: PurePosixPath, program: PurePosixPath, words: Iterable[str]) -> str:
        """Return what starts a program that was pushed; what it prints goes to the room."""
        line = shlex.join(("sh", "-c", _START, f"{room}/{_PID}", str(program), *words))
        return (
            f"chmod 755 {program}; LD_LIBRARY_PATH={room} {line} >{room}/out 2>{room}/err;"
            f" code=$?; rm -f {room}/{_PID}; echo =$code"
        )

    def _status(self, told: str) -> int:
        """Return how a program ended, which the shell tells at last."""
        ended = re.search(r"=(\d+)\s*$", told)
        if ended is None:
            raise self._failure("shell", told or "no answer")
        return int(ended[1])

    def line(self, program: Path, *arguments: str | Path) -> str:
        """Return what to paste into a shell of the device, after its files were pushed."""
        shown = (it.name if isinstance(it, Path) else it for it in arguments)
        return shlex.join((*self._adb, "shell", f"{_ROOM}/{program.name}", *shown))

    @property
    def _adb(self) -> tuple[str, ...]:
        return (*self.prefix, "-s", self.serial) if self.serial else self.prefix

    @contextmanager
    def _room(self, host: Host) -> Iterator[PurePosixPath]:
        """Make a folder on the device, and remove it whatever happens.

        A program that still runs in it is ended: nothing else does that when adb is.
        """
        room = _ROOM / f"build-runtime-{uuid4().hex[:12]}"
        self._do(host, "shell", f"mkdir -p {room}")
        try:
            yield room
        finally:
            pid = room / _PID
            self._capture(host, "shell", f"test ! -f {pid} || kill -9 $(cat {pid}); rm -rf {room}")

    def _push(self, host: Host, here: Path, there: PurePosixPath) -> None:
        self._do(host, "push", str(here), str(there), timeout=DEADLINE)

    def _pull(self, host: Host, there: PurePosixPath, here: Path) -> None:
        """Bring a file that the program has written."""
        self._do(host, "pull", str(there), str(here), timeout=DEADLINE)

    def _read(self, host: Host, there: PurePosixPath, here: Path) -> str:
        self._pull(host, there, here)
        return here.read_text(encoding="utf-8", errors="replace")

    def refuse_unfit(self, target: Target, host: Host) -> None:
        """Raise `UnfitError` if the device is no place for the target: by platform, ABI or age."""
        abis = self._property(host, "ro.product.cpu.abilist") or self._property(
            host, "ro.product.cpu.abi"
        )
        if str(target.abi) not in abis.split(","):
            raise UnfitError(
                f"device {self.serial} runs {abis or 'no known ABI'}, not {target.abi}",
                hint="build for an ABI of the device, or name another one: --runner adb:SERIAL",
            )
        level = self._property(host, "ro.build.version.sdk")
        if target.api_level is None:  # a platform without levels is not Android
            if level:
                raise UnfitError(
                    f"device {self.serial} runs {Platform.ANDROID}, not {target}",
                    hint="leave --runner out, or name a command that runs these programs",
                )
        elif not level.isdecimal() or int(level) < target.api_level:
            raise UnfitError(
                f"device {self.serial} has API level {level or 'unknown'}, {target} needs"
                f" {target.api_level}",
                hint="lower --android-api, or name another device: --runner adb:SERIAL",
            )

    def _property(self, host: Host, name: str) -> str:
        return self._ask(host, "shell", f"getprop {name}").strip()

    def _ask(self, host: Host, *words: str, device: bool = True) -> str:
        """Return what adb answers; raise `ToolchainError` if it cannot."""
        result = self._capture(host, *words, device=device)
        if result.status != 0:
            raise ToolchainError(
                f"adb {words[0]} failed: {_first(result)}",
                hint="`adb devices` must list a device that is ready",
            )
        return result.stdout

    def _do(self, host: Host, *words: str, timeout: float = _SHORT) -> str:
        result = self._capture(host, *words, timeout=timeout)
        if result.status != 0:
            raise self._failure(words[0], _first(result))
        return result.stdout

    def _failure(self, what: str, reason: str) -> VerificationError:
        return VerificationError(
            f"adb {what} failed on {self.serial or 'the device'}: {reason}",
            hint="make room on the device or attach it again, then run the same command",
        )

    def _capture(
        self, host: Host, *words: str, timeout: float = _SHORT, device: bool = True
    ) -> Completed:
        passed = {name: host.env[name] for name in _PASSED if name in host.env}
        argv = (*(self._adb if device else self.prefix), *words)
        return host.runner.capture(
            Command(argv, Path("/"), host.child_env(**passed)), timeout=timeout
        )


def find_device(name: str, host: Host) -> Device:
    """Return the device that a runner `adb` or `adb:SERIAL` names. No process is started.

    Raise `ToolchainError` where there is no adb.
    """
    serial = name.partition(":")[2]
    sdks = [host.env[it] for it in ("ANDROID_HOME", "ANDROID_SDK_ROOT") if host.env.get(it)]
    tools = [str(Path(it, "platform-tools")) for it in sdks]
    found = shutil.which("adb", path=":".join([host.env.get("PATH", ""), *tools]))
    if found is None:
        raise ToolchainError(
            "adb was not found",
            looked_in=["$PATH", *tools],
            hint="install the platform tools of the SDK (Debian: apt install adb)",
        )
    how = f"by adb on {serial}" if serial else "by adb"
    return Device((found,), how, shows_library=True, serial=serial)


def is_device(runner: str) -> bool:
    """Whether a runner is adb rather than a command."""
    return runner == NAME or runner.startswith(f"{NAME}:")


def _choose(listed: str, wanted: str) -> str:
    """Return the serial of the device to use of those that `adb devices` lists."""
    # a server that adb starts may be told of before
    _, _, devices = listed.partition(_HEADER)
    rows = [_ROW.match(it) for it in devices.splitlines()]
    states = {row[1]: row[2] for row in rows if row is not None}
    if not wanted and len(states) == 1:
        (wanted,) = states
    if wanted in states:
        if states[wanted] == "device":
            return wanted
        reason = next((it for key, it in _STATES.items() if states[wanted].startswith(key)), "")
        raise ToolchainError(
            f"device {wanted} {reason or 'is not ready: ' + states[wanted]}",
            hint="`adb devices` must say `device`",
        )
    there = ", ".join(f"{serial} ({state})" for serial, state in states.items())
    if wanted:
        raise ToolchainError(
            f"no device {wanted} is attached{f'; there is {there}' if there else ''}",
            hint="attach it, or name another one: --runner adb:SERIAL",
        )
    if states:
        raise ToolchainError(
            f"{len(states)} devices are attached: {there}", hint="name one: --runner adb:SERIAL"
        )
    raise ToolchainError(
        "no device is attached: `adb devices` lists none",
        hint="attach one with USB debugging on, or start an emulator",
    )


def _paths(arguments: tuple[str | Path, ...]) -> Iterator[Path]:
    yield from (it for it in arguments if isinstance(it, Path))


def _first(result: Completed) -> str:
    """Return why a command of adb failed, in its own words."""
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1].removeprefix("adb: ").removeprefix("error: ") if lines else result.ending
