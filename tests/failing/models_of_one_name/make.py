from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    for folder in ("a", "b"):
        (here / folder).mkdir()
        forge.write(here / folder / "net.ptl", forge.lite())
