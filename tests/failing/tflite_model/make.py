from pathlib import Path


def make(here: Path) -> None:
    (here / "net.pt").write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
