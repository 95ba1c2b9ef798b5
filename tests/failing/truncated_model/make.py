from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    whole = forge.archive(forge.torchscript())
    (here / "net.pt").write_bytes(whole[: len(whole) * 2 // 3])
