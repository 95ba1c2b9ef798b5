"""What runs programs of a target: a prefix of the command line, or a device."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import ToolchainError
from builder.vocabulary.targets import Target

DEADLINE: Final = 900.0
"""Seconds that a program gets: emulation is slow."""


class UnfitError(ToolchainError):
    """What runs programs can be reached, and runs none of this target."""


@dataclass(frozen=True, slots=True)
class Executor:
    """How programs of a target run here. `how` is for people: `natively`, `under qemu-aarch64`.

    `shows_library`: the loader is told where the `library` is, as that of Android finds none by a
    run path before 7.0, and an AAR has programs elsewhere.
    """

    prefix: tuple[str, ...]
    how: str
    shows_library: bool = False
    library: Path | None = None

    def showing(self, library: Path) -> Self:
        """Return the executor for programs that load this library."""
        return replace(self, library=library) if self.shows_library else self

    def reach(self, target: Target, host: Host) -> Self:
        """Return the executor ready to run; raise `ToolchainError` if it cannot be reached.

        If it can, and is of another kind than the target, raise `UnfitError`.
        """
        del target, host
        return self

    def run(
        self, program: Path, *arguments: str | Path, host: Host, within: float = DEADLINE
    ) -> Completed:
        """Run a program of the target to its end, which has to come within these seconds."""
        argv = (*self.prefix, str(program), *map(str, arguments))
        env = host.child_env(**self._more())
        return host.runner.capture(Command(argv, Path("/"), env), timeout=within)

    def line(self, program: Path, *arguments: str | Path) -> str:
        """Return what to paste into a shell to run the same."""
        more = [f"{name}={shlex.quote(value)}" for name, value in self._more().items()]
        return " ".join((*more, shlex.join((*self.prefix, str(program), *map(str, arguments)))))

    def _more(self) -> dict[str, str]:
        return {} if self.library is None else {"LD_LIBRARY_PATH": str(self.library.parent)}
