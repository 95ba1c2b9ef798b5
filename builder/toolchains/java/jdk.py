"""Finding a JDK: it has the compiler for our classes, and the header of their native functions."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.process import Host
from builder.vocabulary.errors import ToolchainError

OLDEST: Final = 11
"""Debian has no older one; every later one compiles for Java 8, too."""

_RELEASE: Final = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)[^"]*"$', re.MULTILINE)
_HINT: Final = (
    f"install a JDK of release {OLDEST} or newer, of Debian for example openjdk-17-jdk-headless,"
    " or set JAVA_HOME to one; --java off builds the native part alone"
)


@dataclass(frozen=True, slots=True)
class Jdk:
    """A Java Development Kit; `release` is the number that Java is known by, such as 17."""

    home: Path
    release: int

    @property
    def javac(self) -> Path:
        """The compiler of classes."""
        return self.home / "bin" / "javac"

    @property
    def javadoc(self) -> Path:
        """The program that makes pages of comments."""
        return self.home / "bin" / "javadoc"

    @property
    def headers(self) -> tuple[Path, ...]:
        """Folders to find jni.h in, with what it includes: that has a folder for each system."""
        machine = sorted(it.parent for it in (self.home / "include").glob("*/jni_md.h"))
        return (self.home / "include", *machine)


def find_jdk(host: Host) -> Jdk:
    """Return the JDK of JAVA_HOME, else the one `javac` on PATH belongs to; starts no process.

    What JAVA_HOME names decides: no other is taken in its place. Raise `ToolchainError` for none.
    """
    named = host.env.get("JAVA_HOME", "")
    if named:
        return _open(Path(named).absolute(), "$JAVA_HOME")
    found = shutil.which("javac", path=host.env.get("PATH", ""))
    if found is not None:  # Debian's is a link to a link into the JDK
        return _open(Path(found).resolve().parents[1], "$PATH")
    raise ToolchainError("no JDK was found", looked_in=("$JAVA_HOME (unset)", "$PATH"), hint=_HINT)


def _open(home: Path, rule: str) -> Jdk:
    def refused(reason: str) -> ToolchainError:
        return ToolchainError(f"the JDK of {rule} cannot be used: {home}: {reason}", hint=_HINT)

    try:
        told = _RELEASE.search((home / "release").read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise refused(f"its file `release` cannot be read ({error.strerror})") from error
    if told is None:
        raise refused("its file `release` tells no version")
    jdk = Jdk(home, int(told[1]))
    if jdk.release < OLDEST:
        raise refused(f"it is of release {jdk.release}")
    if not jdk.javac.is_file():
        raise refused("it has no bin/javac: this is a runtime without the compiler")
    if not jdk.javadoc.is_file():
        raise refused("it has no bin/javadoc")
    if not (home / "include" / "jni.h").is_file():
        raise refused("it has no include/jni.h")
    return jdk
