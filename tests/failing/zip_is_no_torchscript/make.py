import zipfile
from pathlib import Path


def make(here: Path) -> None:
    with zipfile.ZipFile(here / "net.pt", "w") as archive:
        archive.writestr("holiday/beach.jpg", b"picture")
        archive.writestr("holiday/list.txt", b"towel")
