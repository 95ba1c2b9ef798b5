from pathlib import Path

from tests.ndk import lay_out
from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    lay_out(here / "ndk")
