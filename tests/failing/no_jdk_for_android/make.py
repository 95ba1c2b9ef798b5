from pathlib import Path

from builder.vocabulary.targets import Abi
from tests.ndk import lay_out
from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    lay_out(here / "ndk", abis=[Abi.ARM64_V8A])
