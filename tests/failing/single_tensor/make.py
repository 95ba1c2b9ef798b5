from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    records = {"data.pkl": forge.pickled(forge.tensor()), "data/0": forge.FLOATS}
    forge.write(here / "net.pt", records)
