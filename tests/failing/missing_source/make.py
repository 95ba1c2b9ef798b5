from pathlib import Path

from tests.unit.introspect import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
