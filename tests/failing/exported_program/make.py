from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    records = {"serialized_exported_program.json": b"{}", "version": b"5"}
    forge.write(here / "net.pt2", records, folder="")
