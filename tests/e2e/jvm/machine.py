"""A JVM with our classes, the library of their native functions, and a runtime beside it."""

import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.toolchains.java.jdk import Jdk
from tests.places import TESTS

JAVA: Final = TESTS / "e2e" / "jvm" / "java"
JUNIT: Final = tuple(Path("/usr/share/java", it) for it in ("junit4.jar", "hamcrest.jar"))
"""Where Debian's package junit4 has it."""

DEADLINE: Final = 300.0


@dataclass(frozen=True)
class Jvm:
    """`classes` are folders and jars; `libraries` the folder of our library and the runtime."""

    jdk: Jdk
    libraries: Path
    models: Path
    classes: tuple[Path, ...]

    def run(self, *words: object, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a class; every use of JNI is checked by the JVM."""
        path = ":".join(map(str, self.classes))
        # SerialGC asks no more of two cores than a phone would
        flags = ("-Xcheck:jni", "-XX:+UseSerialGC", f"-Djava.library.path={self.libraries}")
        return subprocess.run(
            [self.jdk.home / "bin" / "java", *flags, f"-Dmodels={self.models}", *options,
             "-cp", path, *map(str, words)],
            capture_output=True, text=True, check=False, timeout=DEADLINE,
        )  # fmt: skip


def compile_java(
    jdk: Jdk, sources: Sequence[Path], against: Sequence[Path], into: Path, *options: str
) -> Path:
    """Compile sources of a test; return the folder of their classes."""
    path = ":".join(map(str, against))
    words = (
        *options,
        "-encoding",
        "UTF-8",
        "-nowarn",
        "-cp",
        path,
        "-d",
        str(into),
        *map(str, sources),
    )
    done = subprocess.run(
        [jdk.javac, *words], capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr
    return into


def write_java_8(jdk: Jdk, jar: Path) -> Path:
    """Write the classes of Java 8, without code, as the compiler of a JDK has them.

    They bear the version of that JDK, which Debian's ProGuard does not read.
    """
    with zipfile.ZipFile(jdk.home / "lib/ct.sym") as known, zipfile.ZipFile(jar, "w") as made:
        for name in known.namelist():
            releases, _, place = name.partition("/")
            if "8" in releases and place.startswith("java.base/") and place.endswith(".sig"):
                content = known.read(name)
                text = content[:4] + (52).to_bytes(4) + content[8:]
                made.writestr(
                    f"{place.removeprefix('java.base/').removesuffix('.sig')}.class", text
                )
    return jar
