from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    run = forge.function(
        operators=(
            ("metal_prepack::conv2d_run", "", 2),
            ("vulkan_prepack::run_linear_context", "", 2),
        )
    )
    forge.write(here / "net.ptl", {**forge.lite(), "bytecode.pkl": forge.bytecode(run)})
