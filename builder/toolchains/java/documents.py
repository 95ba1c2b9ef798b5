"""What developers read of our classes: the sources themselves, and what `javadoc` makes of them."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.jdk import Jdk
from builder.toolchains.java.making import make_entries

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
    return make_entries(jdk, jdk.javadoc, _FLAGS, sources, host)
