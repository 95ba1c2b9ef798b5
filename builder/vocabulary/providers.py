"""Who has the sources of PyTorch."""

from enum import StrEnum


class SourceProvider(StrEnum):
    """Where sources may come from. `auto` tries the cache, then git, then debian."""

    AUTO = "auto"
    CACHE = "cache"
    GIT = "git"
    DEBIAN = "debian"
