"""Compiling our classes: Java 8, so that every Android Gradle plugin and every JVM take them."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Command, Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError

PACKAGE: Final = PurePosixPath("org/pytorch")
IMAGES: Final = PACKAGE / "torchvision"
STUBS: Final = JAVA / "stubs"
"""Android's classes as far as ours name them: for the compiler alone."""

_FLAGS: Final = (
    "--release", "8", "-encoding", "UTF-8", "-Xlint:all",
    "-Xlint:-options",  # newer compilers warn of Java 8
    "-Werror", "-g:source,lines",
    "-implicit:none",  # stubs leave no class
)  # fmt: skip


def sources(package: PurePosixPath = PACKAGE) -> tuple[Path, ...]:
    """Return our classes of a package, sorted."""
    return tuple(sorted((JAVA / package).glob("*.java")))


def compile_classes(
    jdk: Jdk, host: Host, package: PurePosixPath = PACKAGE
) -> tuple[tuple[PurePosixPath, bytes], ...]:
    """Return the class files of a package by their place in a jar, sorted.

    Equal sources give equal bytes. Raise `CompileError` if the compiler refuses our sources.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        folder = Path(scratch)
        path = f"{STUBS}:{JAVA}"
        words = (*_FLAGS, "-sourcepath", path, "-d", str(folder), *map(str, sources(package)))
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
