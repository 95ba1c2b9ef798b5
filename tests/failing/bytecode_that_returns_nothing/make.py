from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    code = forge.function(instructions=(("STORE", 1, 0), ("RET", 0, 0)))
    records = {**forge.lite(), "bytecode.pkl": forge.bytecode(code)}
    forge.write(here / "net.ptl", records)
