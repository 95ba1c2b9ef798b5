from pathlib import Path

from tests.unit.artifact.forge_android import make_aar, make_app
from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    aar = make_aar(here.parent / "aar").archive
    make_app(aar, here / "app.apk", assets=False)
