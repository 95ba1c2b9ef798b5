"""The times of a workspace's files, noted with what the files held: see Note [Moved folders]."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.files import set_time, sha256_file, write_atomic

_OUTPUT: Final = re.compile(r"(\S.*): #deps \d+, deps mtime \d+ \(VALID\)")


@dataclass(frozen=True, slots=True)
class _Noted:
    """What a file was when its time was noted: nanoseconds since 1970, bytes, SHA-256."""

    time: int
    size: int
    sha256: str


def parse_deps(text: str) -> frozenset[str]:
    """Return every file that `ninja -t deps` names: objects that are up to date, and their inputs.

    An input that stands there by an absolute path is left out.
    """
    inputs = parse_inputs(text)
    return frozenset(inputs).union(*inputs.values())


def parse_inputs(text: str) -> dict[str, tuple[str, ...]]:
    """Return the objects that are what `ninja -t deps` noted, and the inputs of each."""
    found: dict[str, list[str]] = {}
    inputs: list[str] | None = None
    for line in text.splitlines():
        if output := _OUTPUT.fullmatch(line):
            inputs = found.setdefault(output[1], [])
        elif inputs is None or not line.startswith(" "):
            inputs = None
        elif not line.strip().startswith("/"):
            inputs.append(line.strip())
    return {output: tuple(it) for output, it in found.items()}


def note(sheet: Path, build: Path, names: Iterable[str]) -> None:
    """Note the times of files, named relative to `build`; what did not change is not read again."""
    former = _read(sheet)
    noted: dict[str, _Noted] = {}
    for name in names:
        path = build / name
        if not path.is_file():
            continue
        state = path.stat()
        known = former.get(name)
        if known is None or (known.time, known.size) != (state.st_mtime_ns, state.st_size):
            known = _Noted(state.st_mtime_ns, state.st_size, sha256_file(path))
        noted[name] = known
    document = {name: [it.time, it.size, it.sha256] for name, it in sorted(noted.items())}
    write_atomic(sheet, json.dumps(document, indent=0))


def restore(sheet: Path, build: Path, cache: Path) -> bool:
    """Give the files that still hold what they held their noted times; return if any were noted.

    Files outside the cache are the user's: they keep their times.
    """
    noted = _read(sheet)
    for name, known in noted.items():
        path = (build / name).resolve()
        if path.is_file() and path.is_relative_to(cache.resolve()):
            state = path.stat()
            if state.st_mtime_ns == known.time:
                continue
            if state.st_size == known.size and sha256_file(path) == known.sha256:
                set_time(path, known.time)
    return bool(noted)


def _read(sheet: Path) -> Mapping[str, _Noted]:
    """Read a sheet; one that cannot be read is empty, and costs compiling again."""
    try:
        document = json.loads(sheet.read_text(encoding="utf-8"))
        return {
            str(name): _Noted(int(time), int(size), str(digest))
            for name, (time, size, digest) in document.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
