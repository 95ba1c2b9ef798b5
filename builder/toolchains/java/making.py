"""Running a program of a JDK over our classes: what it writes, by its place in a jar."""

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.process import Command, Host
from builder.foundation.resources import JAVA
from builder.toolchains.java.jdk import Jdk
from builder.vocabulary.errors import CompileError

STUBS: Final = JAVA / "stubs"
"""Android's classes as far as ours name them: for the compiler alone."""


def make_entries(
    jdk: Jdk, program: Path, flags: Sequence[str], sources: Sequence[Path], host: Host
) -> tuple[tuple[PurePosixPath, bytes], ...]:
    """Return the files that `program` of the JDK makes of sources by their place in a jar, sorted.

    Raise `CompileError` if it refuses our sources.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        folder = Path(scratch)
        places = ("-sourcepath", f"{STUBS}:{JAVA}", "-d", str(folder))
        words = (str(program), *flags, *places, *map(str, sorted(sources)))
        command = Command(words, folder, host.child_env())
        done = host.runner.capture(command)
        if done.status != 0:
            raise CompileError(
                f"{program.name} of release {jdk.release} refused the classes of org.pytorch:\n"
                f"{(done.stderr or done.stdout).strip()}",
                hint=f"repeat it: {command}",
            )
        found = sorted(it for it in folder.rglob("*") if it.is_file())
        return tuple((PurePosixPath(it.relative_to(folder)), it.read_bytes()) for it in found)
