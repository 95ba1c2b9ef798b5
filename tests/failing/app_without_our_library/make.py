import zipfile
from pathlib import Path

from tests.unit.models import forge


def make(here: Path) -> None:
    forge.write(here / "net.ptl", forge.lite())
    with zipfile.ZipFile(here / "app.apk", "w") as app:
        for name in ("AndroidManifest.xml", "lib/arm64-v8a/libother.so", "lib/x86/libother.so"):
            app.writestr(name, b"")
