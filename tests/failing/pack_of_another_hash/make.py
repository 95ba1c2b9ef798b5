from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
