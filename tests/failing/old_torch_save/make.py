from pathlib import Path


def make(here: Path) -> None:
    (here / "net.pt").write_bytes(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")
