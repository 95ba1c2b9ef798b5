from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    packed = forge.made(
        "__torch__.torch.classes.quantized", "LinearPackedParamsBase", (forge.tensor(), None)
    )
    forge.write(here / "net.ptl", forge.lite() | {"data.pkl": forge.module(packed=packed)})
