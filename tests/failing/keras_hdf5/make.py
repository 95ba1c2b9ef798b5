from pathlib import Path


def make(here: Path) -> None:
    (here / "net.pt").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
