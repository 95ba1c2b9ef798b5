from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "tensor.ptl", forge.lite() | {"bytecode.pkl": forge.pickled((8,))})
