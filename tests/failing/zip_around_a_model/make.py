from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    records = {"readme.txt": b"unpack me", "net.ptl": forge.archive(forge.lite())}
    forge.write(here / "net.pt", records, folder="")
