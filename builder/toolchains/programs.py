"""The programs every build needs, whatever the toolchain: found, and asked for their versions."""

import shutil
import sys
from pathlib import Path

from builder.foundation.process import Command, Host
from builder.vocabulary.errors import ToolchainError


def find_program(name: str, host: Host) -> Path:
    """Find a program beside this Python or on PATH; no process is started."""
    search = [str(Path(sys.executable).parent), *host.env.get("PATH", "").split(":")]
    found = shutil.which(name, path=":".join(search))
    if found is None:
        raise ToolchainError(
            f"{name} was not found",
            looked_in=[str(Path(sys.executable).parent), "$PATH"],
            hint=f"pip install {name}     (run `build-runtime doctor` to see what else is missing)",
        )
    return Path(found)


def find_programs(host: Host) -> tuple[Path, Path]:
    """Find CMake and Ninja, which every build needs; no process is started."""
    return find_program("cmake", host), find_program("ninja", host)


def program_version(program: Path, host: Host) -> str:
    """Ask a program for its version; raise `ToolchainError` when it does not run."""
    result = host.runner.capture(
        Command((str(program), "--version"), Path("/"), host.child_env()), timeout=20
    )
    if result.status != 0 or not result.stdout.strip():
        raise ToolchainError(
            f"{program} does not work: {(result.stderr or result.stdout).strip()}",
            hint=f"reinstall it: pip install --force-reinstall {program.name}",
        )
    return result.stdout.split("\n", 1)[0].split()[-1]
