"""The apps of `examples/android`, compiled without Android."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from builder.foundation.resources import JAVA
from tests.conftest import unavailable
from tests.e2e.jvm.machine import JUNIT
from tests.native.vision.machine import Machine, compile_classes, compile_sources
from tests.places import EXAMPLES, TESTS

APPS: Final = EXAMPLES / "android"
FOLDERS: Final = (
    APPS / "common" / "java",
    APPS / "image" / "src" / "main" / "java",
    APPS / "text" / "src" / "main" / "java",
)
STUBS: Final = TESTS / "native" / "apps" / "stubs"
"""What the apps name of Android, androidx and CameraX, with the signatures it has there."""


def compile_apps(require: Callable[[str], Path], folder: Path) -> Machine:
    """Return a JVM with the apps and their tests, and without a library."""
    if not all(it.exists() for it in JUNIT):
        unavailable("this test needs Debian's junit4")
    javac = require("javac")
    fakes, ours, *junit = compile_classes(javac, folder)
    apps, tests = folder / "apps", folder / "tests of apps"
    compile_sources(
        javac, [it for part in FOLDERS for it in sorted(part.rglob("*.java"))], apps,
        "--release", "8", "-Xlint:all", "-Xlint:-options", "-Werror", "-implicit:none",
        "-sourcepath", f"{STUBS}:{JAVA / 'stubs'}", "-cp", ours,
    )  # fmt: skip
    classes = (apps, fakes, ours, *junit)
    sources = sorted((TESTS / "native" / "apps" / "java").rglob("*.java"))
    compile_sources(javac, sources, tests, "-cp", ":".join(map(str, classes)))
    return Machine(require("java"), (tests, *classes), folder / "none" / "libpytorch_vision_jni.so")
