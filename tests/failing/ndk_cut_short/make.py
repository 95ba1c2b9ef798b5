from pathlib import Path

from tests.ndk import PREBUILT, lay_out
from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    (lay_out(here / "ndk") / PREBUILT / "bin/ld.lld").unlink()
