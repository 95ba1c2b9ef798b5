"""Compiling libpytorch_jni_lite.so: the native functions of our classes, on top of the C API."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.foundation.process import Command, Host
from builder.foundation.resources import NATIVE
from builder.vocabulary.errors import CompileError
from builder.vocabulary.plan import Toolchain
from builder.vocabulary.targets import STORE_PAGE

LIBRARY_NAME: Final = "libpytorch_jni_lite.so"

SOURCES: Final = NATIVE / "src" / "java"
_FLAGS: Final = (
    "-std=c99", "-O2", "-g0", "-fPIC", "-fvisibility=hidden", "-fno-ident",
    "-Wall", "-Wextra", "-Werror", f"-I{NATIVE / 'include'}",
)  # fmt: skip
_LINK: Final = (
    "-shared", f"-Wl,-soname,{LIBRARY_NAME}", "-Wl,--as-needed", "-Wl,-z,now",
    "-Wl,-z,defs",  # what devices lack is an error here, not there
    f"-Wl,-z,max-page-size={STORE_PAGE}",
    "-Wl,-rpath,$ORIGIN",  # the runtime lies beside it
    "-s",
)  # fmt: skip


def compile_shim(
    toolchain: Toolchain, runtime: Path, headers: Iterable[Path], into: Path, host: Host
) -> Path:
    """Compile the library against a runtime into a folder; raise `CompileError` on failure.

    `headers` are folders with jni.h, for a toolchain that has none: an NDK has its own.
    """
    library = into / LIBRARY_NAME
    sources = sorted(SOURCES.glob("*.c"))
    words = (
        *_FLAGS, *(word for it in headers for word in ("-idirafter", str(it))),
        *map(str, sources), str(runtime), *_LINK, "-o", str(library),
    )  # fmt: skip
    command = Command((str(toolchain.cc), *words), into, host.child_env())
    done = host.runner.capture(command)
    if done.status != 0:
        raise CompileError(
            f"{LIBRARY_NAME} does not compile for {toolchain.target}:\n{done.stderr.strip()}",
            hint=f"repeat it: {command}",
        )
    return library
