from pathlib import Path

from tests.unit.artifact import forge


def make(here: Path) -> None:
    forge.write_archive(here / "build-runtime-linux-x86_64.tar.gz")
