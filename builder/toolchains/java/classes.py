"""Compiling our classes: Java 8, so that every Android Gradle plugin and every JVM take them."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Command, Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError

PACKAGE: Final = PurePosixPath("org/pytorch")
STUBS: Final = JAVA / "stubs"
"""Android's classes as far as ours name them: for the compiler alone."""

_FLAGS: Final = (
    "--release", "8", "-encoding", "UTF-8", "-Xlint:all",
    "-Xlint:-options",  # newer compilers warn of Java 8
    "-Werror", "-g:source,lines",
    "-implicit:none",  # stubs leave no class
)  # fmt: skip


def sources() -> tuple[Path, ...]:
    """Return our classes, sorted."""
    return tuple(sorted((JAVA / PACKAGE).glob("*.java")))


def compile_classes(jdk: Jdk, host: Host) -> tuple[tuple[PurePosixPath, bytes], ...]:
    """Return the class files by their place in a jar, sorted; equal sources give equal bytes.

    Raise `CompileError` if the compiler refuses our sources.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        folder = Path(scratch)
        words = (*_FLAGS, "-sourcepath", str(STUBS), "-d", str(folder), *map(str, sources()))
        command = Command((str(jdk.javac), *words), folder, host.child_env())
        done = host.runner.capture(command)
        if done.status != 0:
            raise CompileError(
                f"javac of release {jdk.release} refused the classes of org.pytorch:\n"
                f"{(done.stderr or done.stdout).strip()}",
                hint=f"repeat it: {command}",
            )
        found = sorted(folder.rglob("*.class"))
        return tuple((PurePosixPath(it.relative_to(folder)), it.read_bytes()) for it in found)
