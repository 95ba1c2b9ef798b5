from pathlib import Path


def make(here: Path) -> None:
    (here / "net.pt").mkdir()
