"""How those who fetch tell what they are doing, and that they cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from builder.foundation import files


class Progress(Protocol):
    """Receives the progress of named steps; several may follow each other, none overlap.

    All amounts are bytes. `total` is None when it is not known beforehand; `done` counts from the
    start of the step, so repeating a report does no harm.
    """

    def started(self, name: str, total: int | None) -> None:
        """Begin the step."""

    def advanced(self, name: str, done: int) -> None:
        """Report the bytes done so far."""

    def finished(self, name: str) -> None:
        """End the step."""


class NoProgress:
    """A `Progress` that shows nothing."""

    def started(self, name: str, total: int | None) -> None:
        """Ignore the step."""

    def advanced(self, name: str, done: int) -> None:
        """Ignore the report."""

    def finished(self, name: str) -> None:
        """Ignore the end."""


class Unavailable(Exception):  # noqa: N818 - no error: the next provider is tried
    """One provider cannot serve a request; the text says why, without the provider's name."""


@contextmanager
def alone(lock: Path, doing: str, progress: Progress) -> Iterator[None]:
    """Hold a lock while something is fetched; where another holds it, waiting is a step."""
    waited: list[str] = []

    def on_wait(holder: str) -> None:
        waited.append(f"waiting for {holder}")
        progress.started(waited[-1], None)

    with files.locked(lock, doing=doing, on_wait=on_wait):
        for step in waited:
            progress.finished(step)
        yield
