from pathlib import Path

from tests.unit.artifact import forge as artifacts
from tests.unit.models import forge


def make(here: Path) -> None:
    document = artifacts.manifest()
    document["models"][0]["source_sha256"] = "a" * 64
    artifacts.write_folder(here / "dist", document)
    forge.write(here / "net.ptl", forge.lite())
