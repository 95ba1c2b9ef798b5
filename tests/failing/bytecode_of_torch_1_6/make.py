from pathlib import Path

from tests.unit.models import forge, history


def make(here: Path) -> None:
    forge.write(here / "net.ptl", history.lite(3, schema=False))
