from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    trap = forge.pickled(forge.called("os", "system", "true"))
    forge.write(here / "net.ptl", {**forge.lite(), "data.pkl": trap})
