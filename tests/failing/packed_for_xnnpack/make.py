import shutil
from pathlib import Path

from tests.places import RECORDED


def make(here: Path) -> None:
    shutil.copy(RECORDED / "prepacked" / "network.ptl", here / "net.ptl")
