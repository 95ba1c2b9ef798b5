import io
import tarfile
from pathlib import Path


def make(here: Path) -> None:
    with tarfile.open(here / "trick.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../outside"), io.BytesIO())
