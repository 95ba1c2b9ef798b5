from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    tensors = {"weight": forge.tensor(), "bias": forge.tensor()}
    records = {"data.pkl": forge.pickled(tensors), "data/0": forge.FLOATS, "version": b"3\n"}
    forge.write(here / "net.pt", records)
