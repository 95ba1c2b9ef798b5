"""What this machine is: the one module that asks, with an answer on Linux and on macOS."""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
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


def operating_system() -> str:
    """Return the system this is, as toolchains name their folders: `linux`, `darwin`."""
    return platform.system().lower()


def processor_features(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """Return what the processor can do, in the words of Linux: `avx2`, `asimddp`.

    Nothing where nobody tells, as on macOS.
    """
    try:
        told = _FEATURES.search(cpuinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return frozenset()
    return frozenset(told[1].split()) if told else frozenset()
