"""Copy the smallest inputs that together reach all a corpus reaches.

    python -m tests.fuzz.minimise CORPUS DESTINATION [MOST BYTES OF AN INPUT]

What is reached are the steps from line to line inside the reader.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from builder import models
from tests.fuzz import inputs

_READER: Final = str(Path(models.__file__).parent)
Step = tuple[str, int, int]


def steps(data: bytes, path: Path) -> set[Step]:
    """Return the steps the reader takes on an input."""
    found: set[Step] = set()

    def traced(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(_READER):
            return None
        last = frame.f_lineno

        def line(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any]:
            nonlocal last
            found.add((frame.f_code.co_filename, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line

    sys.settrace(traced)
    try:
        inputs.read(data, path)
    finally:
        sys.settrace(None)
    return found


def main() -> None:
    """Copy; the names of the copies are those of their contents."""
    corpus, destination = map(Path, sys.argv[1:3])
    most = int(sys.argv[3]) if len(sys.argv) > 3 else sys.maxsize
    known: set[Step] = set()
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted(corpus.iterdir(), key=lambda it: (it.stat().st_size, it.name)):
            data = path.read_bytes()
            if len(data) > most or (new := steps(data, Path(scratch) / "net.ptl")) <= known:
                continue
            known |= new
            digest = hashlib.sha256(data).hexdigest()
            (destination / digest[:16]).write_bytes(data)


if __name__ == "__main__":
    main()
