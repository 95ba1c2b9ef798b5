from pathlib import Path

from tests.unit.models import forge


def make(folder: Path) -> None:
    operators = (("aten::add", "Tensor", 2), ("aten::relu", "", 1))
    code = forge.bytecode(forge.function(operators=operators))
    forge.write(folder / "net.ptl", {**forge.lite(), "bytecode.pkl": code})
