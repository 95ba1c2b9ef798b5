"""Compiling our classes: Java 8, so that every Android Gradle plugin and every JVM take them."""

from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.jdk import Jdk
from builder.toolchains.java.making import make_entries

PACKAGE: Final = PurePosixPath("org/pytorch")
IMAGES: Final = PACKAGE / "torchvision"

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
    return make_entries(jdk, jdk.javac, _FLAGS, sources(package), host)
