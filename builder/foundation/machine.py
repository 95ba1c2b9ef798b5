"""What this machine is: the one module that asks, with an answer on Linux and on macOS."""

import os
import platform
from collections.abc import Mapping
from typing import Final

_AS_LINUX_SAYS: Final[Mapping[str, str]] = {"arm64": "aarch64"}


def usable_cores() -> int:
    """Return how many cores this process may use, or all there are where nobody can tell."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS, which has no such limit
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the kind of processor, as Linux calls it: `x86_64`, `aarch64`."""
    name = platform.machine()
    return _AS_LINUX_SAYS.get(name, name)
