"""The classes of `org.pytorch`, and for each target the library under them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from builder import VERSION
from builder.artifact.android.jars import jar_bytes
from builder.artifact.staging import JavaFiles
from builder.foundation.process import Host
from builder.pipeline.proving import Proven
from builder.pipeline.request import Events, Request
from builder.toolchains.java.classes import compile_classes, sources
from builder.toolchains.java.documents import document, source_entries
from builder.toolchains.java.jdk import Jdk, find_jdk
from builder.toolchains.java.shim import compile_shim
from builder.vocabulary.plan import Java
from builder.vocabulary.targets import platform_facts


def with_java(
    batch: Sequence[Proven], request: Request, host: Host, events: Events
) -> tuple[Proven, ...]:
    """Return a batch with what its platform's apps call from Java, if that is asked for.

    Each library lies beside the runtime it needs. Raise `ToolchainError` without a JDK,
    `CompileError` if a compiler refuses.
    """
    if request.java.resolved(batch[0].target.platform) is not Java.ON:
        return tuple(batch)
    events.step("compiling the classes for Java")
    jdk = find_jdk(host)
    jar = jar_bytes(VERSION, compile_classes(jdk, host))
    published = platform_facts(batch[0].target.platform).archive.is_published
    documents = tuple(_documents(jdk, host)) if published else ()

    def complete(proven: Proven) -> Proven:
        runtime = proven.output.library
        tools = proven.planned.plan.toolchain
        shim = compile_shim(tools, runtime, jdk.headers, runtime.parent, host)
        return replace(proven, java=JavaFiles(jar, shim, jdk.release, documents))

    return tuple(map(complete, batch))


def _documents(jdk: Jdk, host: Host) -> Iterator[tuple[str, bytes]]:
    """Yield the jars for developers, by their classifier."""
    yield "sources", jar_bytes(VERSION, source_entries(sources()))
    yield "javadoc", jar_bytes(VERSION, document(jdk, sources(), host))
