from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "good.ptl", forge.lite())
    (here / "empty.pt").touch()
    (here / "text.pt").write_text("no model")
