from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    operators = (("aten::einsum", ""),)
    steps = (("STOREN", 1, 2), ("LOADC", 0, 0), ("LOAD", 2, 0), ("OP", 0, 0), ("RET", 0, 0))
    code = forge.function(
        operators=operators, instructions=steps, constants=("ii->",), takes=("List[Tensor]",)
    )
    records = {**forge.lite(), "bytecode.pkl": forge.bytecode(code, version=5)}
    forge.write(here / "net.ptl", records)
