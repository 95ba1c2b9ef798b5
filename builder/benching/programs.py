"""One round of the program of a runtime: it times its own runs, and says so in JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.benching.figures import Sample
from builder.foundation.process import Command, Completed, Host
from builder.vocabulary.errors import VerificationError

_DEADLINE: Final = 900.0
WARMUP: Final = 3
_OLDER: Final = "the artifact is of an older build-runtime: build it again"


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a runtime with a model and the file of its arguments; `prefix` runs it."""

    prefix: tuple[str, ...]
    path: Path
    model: Path
    inputs: Path

    def argv(self, threads: int, runs: int, warmup: int = WARMUP) -> tuple[str, ...]:
        """Return what times so many runs."""
        return (
            *self.prefix, str(self.path), str(self.model), "--inputs", str(self.inputs),
            "--threads", str(threads), "--bench", str(runs), "--warmup", str(warmup),
        )  # fmt: skip


def complete(argv: tuple[str, ...], host: Host) -> Completed:
    """Run a program to its end; raise `VerificationError` when it fails."""
    command = Command(argv, Path("/"), host.child_env())
    done = host.runner.capture(command, timeout=_DEADLINE)
    if done.status != 0:
        reason = done.stderr.strip() or done.ending
        older = "unknown option" in reason
        raise VerificationError(
            f"the runtime does not run the model: {reason}",
            hint=_OLDER if older else f"repeat it by hand: {command}",
        )
    return done


def time_program(argv: tuple[str, ...], host: Host) -> Sample:
    """Run the program once; raise `VerificationError` when it fails, or tells no times."""
    told = complete(argv, host).stdout
    try:
        return _sample(json.loads(told))
    except (ValueError, KeyError, TypeError) as error:
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
