from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    code = forge.bytecode(forge.function(operators=(("aten::gelu", "", 1),)))
    forge.write(here / "net.ptl", {**forge.lite(), "bytecode.pkl": code})
