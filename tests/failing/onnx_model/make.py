from pathlib import Path


def make(here: Path) -> None:
    (here / "net.pt").write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.13.0:\xd5\x0c")
