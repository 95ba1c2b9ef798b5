from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    records = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"HDF"}
    forge.write(here / "net.pt", records, folder="")
