"""What the caller asks of the source stage, and how it is told about progress."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from builder import RELEASE
from builder.vocabulary.fingerprints import uncounted
from builder.vocabulary.providers import SourceProvider

_OPENED: Final = uncounted("the tree that was opened decides, however it was found")


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """Which sources are wanted. A `directory` given by the user is the only place looked at.

    A provider other than `auto` also decides whose trees of the cache are good enough. `offline`
    keeps every provider away from the network: only what is on this machine counts.
    """

    directory: Path | None = field(default=None, metadata=_OPENED)
    provider: SourceProvider = field(default=SourceProvider.AUTO, metadata=_OPENED)
    offline: bool = field(default=False, metadata=_OPENED)
    version: str = RELEASE


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
    """One provider cannot serve the request; the text says why, without the provider's name."""
