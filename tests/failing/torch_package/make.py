from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    records = {".data/extern_modules": b"", "net/model.pkl": b"", "version": b"1"}
    forge.write(here / "net.pt", records)
