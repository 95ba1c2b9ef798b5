"""How a toolchain links, remembered: it is found out once for a target, and never changes."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from builder.foundation.files import write_atomic
from builder.vocabulary.plan import LinkLine


def write_recipe(path: Path, line: LinkLine, cache: Path) -> None:
    """Keep a link line; libraries in the cache are named from there, as it may be moved."""
    libraries = [
        str(it.relative_to(cache)) if it.is_relative_to(cache) else str(it) for it in line.libraries
    ]
    write_atomic(path, json.dumps({"flags": line.flags, "libraries": libraries}, indent=1))


def read_recipe(path: Path, cache: Path) -> LinkLine | None:
    """Return what was learned before, or None when there is nothing, or libraries are gone."""
    try:
        known = json.loads(path.read_text())
        libraries = tuple(cache / it for it in known["libraries"])
        line = LinkLine(tuple(known["flags"]), libraries)
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None
    return line if all(path.is_file() for path in line.libraries) else None


def kept_flags(words: Iterable[str]) -> tuple[str, ...]:
    """Keep what describes the target (emulation, float ABI, errata); our own flags say the rest."""
    kept: list[str] = []
    for flag, value in itertools.pairwise([*words, ""]):
        if flag in ("-m", "-mllvm"):
            kept += [flag, value]
        elif flag.startswith("--fix-cortex-"):
            kept.append(flag)
    return tuple(kept)
