"""A compiler launcher while a build goes on: started, given up where it fails, and asked for hits.

Note [Launchers]: a launcher changes no command of ninja, or all that is there would be compiled
anew where it is switched on or off: `tools/cc` and `tools/cxx` lead to `launched.sh` instead, which
calls it. What launchers key objects by names no path of the machine. They hash the compiler's file:
a script which holds the digest of the toolchain, and is told where that is. Its name says clang,
as launchers go by it. The folder of the cache stands in preprocessed sources: they are told to
leave it out.

Nothing depends on a launcher. Where a command fails with it, or makes what is no object, the
compiler alone is called, now and until the build ends. sccache is a server: each build has its own,
as one that runs already may know another cache; it ends with the build.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder.compilation.shared.launching.hits import Statistics, of_ccache, of_sccache
from builder.compilation.shared.launching.launchers import CCACHE, SCCACHE, Launcher, find_launcher
from builder.foundation.cache import note_use
from builder.foundation.files import touch, write_if_changed
from builder.foundation.process import Command, Host
from builder.foundation.resources import CMAKE
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.plan import Toolchain

_SCRIPT: Final = CMAKE / "toolchains" / "launched.sh"
_SOCKET: Final = "SCCACHE_SERVER_UDS"
"""Where a server listens: the one on the user's socket would be taken over, and then stopped."""

_CALLS: Final = "CCACHE_STATSLOG"
"""Where each call is noted: a file of the user's also has the calls of other builds."""

_PATIENCE: Final = 60.0
"""Seconds a launcher gets to start, and to tell what it did."""


@dataclass(frozen=True, slots=True)
class Launched:
    """What became of a launcher: its statistics, if it tells any, and why it was given up."""

    name: str
    statistics: Statistics | None
    trouble: str


@dataclass(slots=True)
class Launch:
    """A launcher in use. `cc` and `cxx` are what commands call instead of the compiler.

    `environment` is for what calls them. `tell` is told when it is given up, and
    `trouble` says why.
    """

    launcher: Launcher
    cc: Path
    cxx: Path
    environment: Mapping[str, str]
    tell: Callable[[str], None]
    trouble: str = ""
    statistics: Statistics | None = field(default=None, init=False)

    @property
    def serves(self) -> bool:
        """Whether it is to be called."""
        return not self.trouble

    def give_up(self, trouble: str) -> None:
        """Call the compiler alone from now on."""
        self.tell(f"going on without {self.launcher.name}: {trouble}")
        self.trouble = trouble

    def outcome(self) -> Launched:
        """Return what became of it; complete once the session is over."""
        return Launched(self.launcher.name, self.statistics, self.trouble)


@contextmanager
def launching(
    toolchain: Toolchain, host: Host, tell: Callable[[str], None]
) -> Iterator[Launch | None]:
    """Have the launcher that the user wishes ready until the block ends; None where there is none.

    Raise `ToolchainError` for one that is not there. One that fails is given up, which is told.
    """
    launcher = find_launcher(host)
    if launcher is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as name:
        launch = _prepare(launcher, toolchain, Path(name), host, tell)
        started = _start(launch, host)
        try:
            yield launch
        finally:
            launch.statistics = _finish(launch, host) if started else None


def _prepare(
    launcher: Launcher,
    toolchain: Toolchain,
    scratch: Path,
    host: Host,
    tell: Callable[[str], None],
) -> Launch:
    root = write_stand_ins(toolchain, host)
    for name, variable in (("clang", "LAUNCHED_CC"), ("clang++", "LAUNCHED_CXX")):
        text = f'#!/bin/sh\n# toolchain {toolchain.digest}\nexec "${{{variable}:?}}" "$@"\n'
        write_if_changed(root / name, text, mode=0o755)
    environment = {
        **_DEFAULTS.get(launcher.name, _nothing)(host),
        **host.launcher_env(),
        **{variable: str(scratch / it) for it, variable in _OWN.items() if it == launcher.name},
        "LAUNCHER": str(launcher.path),
        "LAUNCHED_TOOLS": str(root),
        "LAUNCHED_CC": str(toolchain.cc),
        "LAUNCHED_CXX": str(toolchain.cxx),
    }
    return Launch(launcher, root / "cc", root / "cxx", environment, tell)


def write_stand_ins(toolchain: Toolchain, host: Host) -> Path:
    """Write what stands for the compilers of a toolchain, `cc` and `cxx`; return their folder."""
    root = host.cache / "toolchains" / f"launched-{toolchain.digest[:12]}"
    note_use(host.cache, root)
    for name in ("cc", "cxx"):
        write_if_changed(root / name, _SCRIPT.read_bytes(), mode=0o755)
    return root


def _sccache_defaults(host: Host) -> dict[str, str]:
    return {
        "SCCACHE_BASEDIRS": str(host.cache),
        "SCCACHE_IGNORE_SERVER_IO_ERROR": "1",
    }


def _ccache_defaults(host: Host) -> dict[str, str]:
    return {"CCACHE_BASEDIR": str(host.cache), "CCACHE_COMPILERCHECK": "content"}


def _nothing(host: Host) -> dict[str, str]:
    del host
    return {}


_DEFAULTS: Final = {SCCACHE: _sccache_defaults, CCACHE: _ccache_defaults}
"""What launchers are told; what the user tells them wins."""

_OWN: Final = {SCCACHE: _SOCKET, CCACHE: _CALLS}
"""Variables that name a file of this build alone, whatever the user has there."""


def _start(launch: Launch, host: Host) -> bool:
    """Start the server of a launcher that has one; return whether it runs, else it is given up."""
    words = "--start-server" if launch.launcher.name == SCCACHE else "--version"
    try:
        result = host.runner.capture(_command(launch, host, words), timeout=_PATIENCE)
    except ToolchainError as error:
        launch.give_up(error.message)
        return False
    if result.status != 0:
        told = result.stderr.strip().splitlines()
        launch.give_up(f"it does not start ({told[-1].strip() if told else result.ending})")
    return result.status == 0


def _finish(launch: Launch, host: Host) -> Statistics | None:
    """End what was started; return what it did."""
    if launch.launcher.name == CCACHE:
        log = Path(launch.environment[_CALLS])
        touch(log)
        return of_ccache(log.read_text(encoding="utf-8", errors="replace"))
    if launch.launcher.name != SCCACHE:
        return None
    told = _command(launch, host, "--show-stats", "--stats-format=json")
    found = of_sccache(host.runner.capture(told, timeout=_PATIENCE).stdout)
    host.runner.capture(_command(launch, host, "--stop-server"), timeout=_PATIENCE)
    return found


def _command(launch: Launch, host: Host, *words: str) -> Command:
    argv = (str(launch.launcher.path), *words)
    return Command(argv, Path("/"), host.child_env(**launch.environment))
