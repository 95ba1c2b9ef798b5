"""One round of the program of a runtime: it times its own runs, and says so in JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from builder.benching.figures import Sample
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import VerificationError

_DEADLINE: Final = 900.0
WARMUP: Final = 3
_OLDER: Final = "the artifact is of an older build-runtime: build it again"


class Elsewhere(Protocol):
    """What runs programs where this machine cannot: a device, or a command of the user's."""

    def run(self, program: Path, *arguments: str | Path, host: Host, within: float) -> Completed:
        """Run a program to its end; arguments that are paths are files of this machine."""

    def line(self, program: Path, *arguments: str | Path) -> str:
        """Return what to paste into a shell to run the same."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a runtime with a model and the file of its arguments.

    `prefix` runs it on this machine, unless it is run `elsewhere`.
    """

    prefix: tuple[str, ...]
    path: Path
    model: Path
    inputs: Path
    elsewhere: Elsewhere | None = None

    def words(self, threads: int, runs: int, warmup: int = WARMUP) -> tuple[str | Path, ...]:
        """Return what asks it to time so many runs."""
        return (
            self.model, "--inputs", self.inputs,
            "--threads", str(threads), "--bench", str(runs), "--warmup", str(warmup),
        )  # fmt: skip

    def complete(self, words: tuple[str | Path, ...], host: Host) -> Completed:
        """Run it to its end; raise `VerificationError` when it fails."""
        command = Command(
            (*self.prefix, str(self.path), *map(str, words)), Path("/"), host.child_env()
        )
        if self.elsewhere is None:
            done = host.runner.capture(command, timeout=_DEADLINE)
        else:
            done = self.elsewhere.run(self.path, *words, host=host, within=_DEADLINE)
        if done.status != 0:
            reason = done.stderr.strip() or done.ending
            line = (
                str(command) if self.elsewhere is None else self.elsewhere.line(self.path, *words)
            )
            raise VerificationError(
                f"the runtime does not run the model: {reason}",
                hint=_OLDER if "unknown option" in reason else f"repeat it by hand: {line}",
            )
        return done


def time_program(program: Program, threads: int, runs: int, host: Host) -> Sample:
    """Run the program once; raise `VerificationError` when it fails, or tells no times."""
    told = program.complete(program.words(threads, runs), host).stdout
    try:
        return _sample(json.loads(told))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise VerificationError(
            f"the program of the runtime does not tell what is asked of it: {error!r}",
            hint=_OLDER,
        ) from error


def _sample(told: dict[str, Any]) -> Sample:
    return Sample(
        cpu=float(told["cpu_us"]["median"]),
        wall=float(told["latency_us"]["median"]),
        p90=float(told["latency_us"]["p90"]),
        p99=float(told["latency_us"]["p99"]),
        load=float(told["load_us"]),
        first=float(told["first_us"]),
        peak=int(told["peak_rss_kib"]),
    )
