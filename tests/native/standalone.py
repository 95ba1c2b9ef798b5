"""Building a project that `plan --write` wrote, as the page on Android shows it."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path


def build_standalone(
    lines: str, project: Path, build: Path, require: Callable[[str], Path]
) -> Path:
    """Build a project with CMake and ninja alone, by the lines of a page; return the library."""
    env = {name: it for name, it in os.environ.items() if not name.startswith("BUILD_RUNTIME")}
    for line in lines.splitlines():
        program, *words = shlex.split(line)
        words = [str(project) if it == "project" else it for it in words]
        words = [str(build) if it == "out" else it for it in words]
        done = subprocess.run(
            [str(require(program)), *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "lib" / "libbuild_runtime.so"
