"""The files a fuzzer begins with: models made by hand, and the small ones among the examples."""

from pathlib import Path
from typing import Final

from builder.foundation.files import write_atomic
from builder.vocabulary.models import Model
from tests.sanitizers.malformed import FOUND, malformed, seeds

_LARGEST: Final = 60_000


def write_seeds(folder: Path, models: tuple[Model, ...]) -> None:
    """Write every seed under the name of what it is."""
    for title, data in (*seeds(), *malformed()):
        if len(data) <= _LARGEST:
            write_atomic(folder / title.replace(" ", "-").replace("*", ""), data)
    for path in (*(model.path for model in models), *sorted(FOUND.glob("*.ptl"))):
        if path.stat().st_size <= _LARGEST:
            write_atomic(folder / f"{path.parent.name[:8]}-{path.name}", path.read_bytes())
