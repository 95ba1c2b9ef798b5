"""Packing what was proven: the files of an artifact, in an archive of its platform's kind."""

from collections.abc import Iterator
from pathlib import Path

from builder.artifact.manifest import BuildFacts, Documents, FileFacts, ResultFacts, manifest
from builder.artifact.rendering import render
from builder.artifact.staging import Bundle, Contents, StagedFile
from builder.artifact.supply.notice import stage_licences
from builder.artifact.supply.sbom import sbom
from builder.artifact.tar import layout
from builder.artifact.tar.archive import write_archive
from builder.foundation.files import sha256_file
from builder.foundation.resources import CMAKE
from builder.vocabulary.targets import Target, abi_facts


def archive_name(target: Target) -> str:
    """Return the file name of the archive for a target."""
    return f"build-runtime-{target.platform}-{target.abi}.tar.gz"


def package(
    contents: Contents,
    facts: BuildFacts,
    *,
    result: ResultFacts,
    destination: Path,
    epoch: int = 0,
) -> Bundle:
    """Write the archive into the folder `destination`; equal content gives equal bytes.

    `epoch` (seconds since 1970) is the time every member of the archive shows. Raises `UsageError`
    when the archive cannot be written.
    """
    staged = stage(contents)
    files = tuple(FileFacts(it.path.as_posix(), it.size, it.sha256) for it in staged)
    documents = Documents(sbom=str(layout.SBOM), notice=str(layout.NOTICE))
    text = manifest(facts, result, files, documents)
    archive = destination / archive_name(contents.target)
    own = StagedFile(layout.MANIFEST, text.encode())
    write_archive((*staged, own), archive, epoch=epoch)
    return Bundle(archive, archive.stat().st_size, sha256_file(archive), text)


def stage(contents: Contents) -> tuple[StagedFile, ...]:
    """Return every file of the archive except its manifest, which lists them."""
    return (
        StagedFile(layout.HEADER, contents.header),
        StagedFile(layout.LIBRARY, contents.library, executable=True),
        StagedFile(layout.PROGRAM, contents.program, executable=True),
        StagedFile(layout.BENCHMARK, contents.benchmark, executable=True),
        *_integration(contents),
        *_java(contents),
        StagedFile(layout.SELECTION, contents.selected_operators.encode()),
        StagedFile(layout.SIZE_REPORT, contents.size_json.encode()),
        StagedFile(layout.SIZE_TEXT, contents.size_text.encode()),
        StagedFile(layout.SIZE_PAGE, contents.size_html.encode()),
        *(StagedFile(layout.model_place(name), path) for name, path in contents.models),
        StagedFile(layout.SBOM, sbom(contents, contents.models).encode()),
        *stage_licences(contents.parts, layout.NOTICE, layout.LICENCES),
    )


def _java(contents: Contents) -> Iterator[StagedFile]:
    if contents.java is not None:
        yield StagedFile(layout.JAR, contents.java.jar)
        yield StagedFile(layout.JNI_LIBRARY, contents.java.library, executable=True)


def _integration(contents: Contents) -> Iterator[StagedFile]:
    """Yield what CMake and pkg-config need to find the runtime wherever it is unpacked."""
    config, version = "build_runtimeConfig.cmake", "build_runtimeConfigVersion.cmake"
    context: dict[str, object] = {
        "version": contents.version,
        "pointer_size": abi_facts(contents.target.abi).bits // 8,
    }
    logic = CMAKE / "package"
    yield StagedFile(layout.CMAKE_PACKAGE / config, logic / config)
    own = render(f"package/{version}.j2", context).encode() + (logic / version).read_bytes()
    yield StagedFile(layout.CMAKE_PACKAGE / version, own)
    pkg_config = render("package/build_runtime.pc.j2", context)
    yield StagedFile(layout.PKG_CONFIG, pkg_config.encode())
