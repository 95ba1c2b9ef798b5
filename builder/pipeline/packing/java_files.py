"""The classes of `org.pytorch` and the library under them, for one target."""

from pathlib import Path

from builder import VERSION
from builder.artifact.android.jars import jar_bytes
from builder.artifact.staging import JavaFiles
from builder.foundation.process import Host
from builder.toolchains.java.classes import compile_classes
from builder.toolchains.java.jdk import find_jdk
from builder.toolchains.java.shim import compile_shim
from builder.vocabulary.plan import Toolchain


def make_java(toolchain: Toolchain, runtime: Path, host: Host) -> JavaFiles:
    """Compile both; the library lies beside the runtime it needs.

    Raise `ToolchainError` without a JDK, `CompileError` if a compiler refuses.
    """
    jdk = find_jdk(host)
    jar = jar_bytes(VERSION, compile_classes(jdk, host))
    shim = compile_shim(toolchain, runtime, jdk.headers, runtime.parent, host)
    return JavaFiles(jar, shim, jdk.release)
