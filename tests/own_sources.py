"""The C and C++ that we wrote: what ships, and the programs of the tests."""

from pathlib import Path
from typing import Final

from tests.places import ROOT, TESTS

_FOLDERS: Final = (ROOT / "native", TESTS / "native", TESTS / "sanitizers")
_SUFFIXES: Final = frozenset({".c", ".cpp", ".h"})


def own_sources() -> tuple[Path, ...]:
    """Return all files, sorted. `tests/recorded` stays as the recorded tools read it."""
    return tuple(
        sorted(it for folder in _FOLDERS for it in folder.rglob("*") if it.suffix in _SUFFIXES)
    )
