"""The classes of `org.pytorch` and `org.pytorch.torchvision`, and the libraries under them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from builder import VERSION
from builder.artifact.android.jars import jar_bytes
from builder.artifact.staging import ImageFiles, JavaFiles
from builder.foundation.process import Host
from builder.pipeline.proving import Proven
from builder.pipeline.request import Events, Request
from builder.toolchains.java.classes import IMAGES, PACKAGE, compile_classes, sources
from builder.toolchains.java.documents import document, source_entries
from builder.toolchains.java.jdk import Jdk, find_jdk
from builder.toolchains.java.shim import compile_shim
from builder.toolchains.java.vision import build_vision
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
    published = platform_facts(batch[0].target.platform).archive.is_published
    own = _compiled(jdk, host, PACKAGE, documented=published)
    images = _compiled(jdk, host, IMAGES, documented=True) if published else None

    def complete(proven: Proven) -> Proven:
        runtime = proven.output.library
        tools, folder = proven.planned.plan.toolchain, runtime.parent
        shim = compile_shim(tools, runtime, jdk.headers, folder, host)
        more = None
        if images is not None:
            library = build_vision(tools, jdk.headers, folder, host)
            more = ImageFiles(images.jar, library, images.documents)
        return replace(proven, java=JavaFiles(own.jar, shim, jdk.release, own.documents, more))

    return tuple(map(complete, batch))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Classes, and the jars about them for developers, by their classifier."""

    jar: bytes
    documents: tuple[tuple[str, bytes], ...]


def _compiled(jdk: Jdk, host: Host, package: PurePosixPath, *, documented: bool) -> _Compiled:
    jar = jar_bytes(VERSION, compile_classes(jdk, host, package))
    return _Compiled(jar, tuple(_documents(jdk, host, sources(package))) if documented else ())


def _documents(jdk: Jdk, host: Host, found: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    yield "sources", jar_bytes(VERSION, source_entries(found))
    yield "javadoc", jar_bytes(VERSION, document(jdk, found, host))
