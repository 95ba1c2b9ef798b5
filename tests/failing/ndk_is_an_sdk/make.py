from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    for name in ("platform-tools", "platforms", "ndk"):
        (here / "sdk" / name).mkdir(parents=True)
