"""What developers read of our classes: the sources themselves, and what `javadoc` makes of them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Command, Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.classes import STUBS
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError

_FLAGS: Final = (
    "--release", "8", "-encoding", "UTF-8", "-docencoding", "UTF-8", "-charset", "UTF-8",
    "-locale", "en_US", "-quiet", "-Xdoclint:none",
    "-notimestamp",
    "-noindex",  # older releases zip it, with the time
    "-nohelp",
)  # fmt: skip


def source_entries(sources: Sequence[Path]) -> tuple[tuple[PurePosixPath, bytes], ...]:
    """Return sources by their place in a jar, sorted."""
    return tuple((PurePosixPath(it.relative_to(JAVA)), it.read_bytes()) for it in sorted(sources))


def document(
    jdk: Jdk, sources: Sequence[Path], host: Host
) -> tuple[tuple[PurePosixPath, bytes], ...]:
    """Return the pages about classes by their place in a jar, sorted.

    Equal sources and an equal JDK give equal bytes. Raise `CompileError` if javadoc refuses.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        folder = Path(scratch)
        path = f"{STUBS}:{JAVA}"
        words = (*_FLAGS, "-sourcepath", path, "-d", str(folder), *map(str, sorted(sources)))
        command = Command((str(jdk.javadoc), *words), folder, host.child_env())
        done = host.runner.capture(command)
        if done.status != 0:
            raise CompileError(
                f"javadoc of release {jdk.release} refused the classes of org.pytorch:\n"
                f"{(done.stderr or done.stdout).strip()}",
                hint=f"repeat it: {command}",
            )
        found = sorted(it for it in folder.rglob("*") if it.is_file())
        return tuple((PurePosixPath(it.relative_to(folder)), it.read_bytes()) for it in found)
