"""Building libpytorch_vision_jni.so: the native functions of `org.pytorch.torchvision`."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.foundation.files import copy_atomic
from builder.foundation.process import Command, Host
from builder.foundation.resources import NATIVE
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import Toolchain

LIBRARY_NAME: Final = "libpytorch_vision_jni.so"

PROJECT: Final = NATIVE / "vision"


def build_vision(toolchain: Toolchain, headers: Iterable[Path], into: Path, host: Host) -> Path:
    """Build the project for a target, and put the library into a folder.

    `headers` are as for the library of `org.pytorch`. Raise `CompileError` on failure.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        folder = Path(scratch)
        _run(_configuring(toolchain, headers, folder, host), toolchain, host)
        building = (str(toolchain.ninja), "-C", str(folder))
        _run(Command(building, folder, host.child_env()), toolchain, host)
        library = into / LIBRARY_NAME
        copy_atomic(folder / str(toolchain.target.abi) / LIBRARY_NAME, library)
        return library


def _configuring(
    toolchain: Toolchain, headers: Iterable[Path], folder: Path, host: Host
) -> Command:
    variables = {
        "CMAKE_MAKE_PROGRAM": toolchain.ninja,
        "CMAKE_TOOLCHAIN_FILE": toolchain.cmake_file,
        "CMAKE_BUILD_TYPE": "Release",
        "PYTORCH_VISION_HEADERS": ";".join(map(str, headers)),
        **dict(toolchain.variables),
    }
    told = (f"-D{name}={value}" for name, value in variables.items())
    words = (str(toolchain.cmake), "-S", str(PROJECT), "-B", str(folder), "-G", "Ninja", *told)
    return Command(words, folder, host.child_env())


def _run(command: Command, toolchain: Toolchain, host: Host) -> None:
    done = host.runner.capture(command)
    if done.status != 0:
        raise CompileError(
            f"{LIBRARY_NAME} cannot be built for {toolchain.target}:\n"
            f"{(done.stderr or done.stdout).strip()}",
            hint=f"repeat it: {command}",
        )
