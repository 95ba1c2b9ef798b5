from pathlib import Path

from builder.artifact.maven.repository import publish
from builder.foundation.coordinates import Coordinates
from tests.unit.artifact.forge_android import make_aar
from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    aar = make_aar(here.parent / "aar").archive
    for name in ("detector", "recogniser"):
        publish(aar, Coordinates("com.example", name, "1.0"), [], here / "maven")
