from pathlib import Path

from tests.unit.models import forge

STEPS = (("STOREN", 1, 2), ("MOVE", 2, 0), ("OP", 0, 0), ("OP", 1, 0), ("RET", 0, 0))
CALLED = (("shop::tax", "", 1), ("shop::taxes", "", 1))


def make(here: Path) -> None:
    function = forge.function(operators=CALLED, instructions=STEPS, takes=("Tensor",))
    forge.write(here / "net.ptl", {**forge.lite(), "bytecode.pkl": forge.bytecode(function)})
