"""What the caller asks of the source stage."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder import RELEASE
from builder.vocabulary.fingerprints import uncounted
from builder.vocabulary.providers import SourceProvider

_OPENED: Final = uncounted("the tree that was opened decides, however it was found")


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """Which sources are wanted. A `directory` or bundle of the user's is the only place looked at.

    A provider other than `auto` also decides whose trees of the cache are good enough. `offline`
    keeps every provider away from the network: only what is on this machine counts.
    """

    directory: Path | None = field(default=None, metadata=_OPENED)
    provider: SourceProvider = field(default=SourceProvider.AUTO, metadata=_OPENED)
    offline: bool = field(default=False, metadata=_OPENED)
    version: str = RELEASE

    @property
    def pinned(self) -> bool:
        """Whether the sources are those of a release: a file that is named is a bundle of them."""
        return self.directory is None or self.directory.is_file()
