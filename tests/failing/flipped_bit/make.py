from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    data = bytearray(forge.archive(forge.torchscript()))
    data[data.index(forge.FLOATS)] ^= 1
    (here / "net.pt").write_bytes(data)
