"""Packing what was proven for all ABIs of a request: one AAR, and the symbols beside it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from builder.artifact.android import layout
from builder.artifact.android.aar import stage_abi, stage_shared
from builder.artifact.android.zips import write_zip
from builder.artifact.manifest import BuildFacts, Documents, FileFacts, ResultFacts, describe
from builder.artifact.staging import Bundle, Contents, Part, Presence, StagedFile
from builder.foundation.coordinates import Coordinates
from builder.foundation.files import sha256_file
from builder.vocabulary.targets import Abi, Target

VERSION: Final = 1
"""Of the JSON: raised when a reader of the old one would misunderstand the new one."""

SYMBOLS: Final = "native-debug-symbols.zip"
"""The name that the Play Console and the Android Gradle plugin have for it."""


@dataclass(frozen=True, slots=True)
class AbiContents:
    """What goes into an AAR for one ABI, and what is known of it."""

    contents: Contents
    facts: BuildFacts
    result: ResultFacts

    @property
    def ndk(self) -> int:
        """The major version of the toolchain."""
        return int(self.facts.plan.toolchain.compiler.version.partition(".")[0])


def archive_name(target: Target) -> str:
    """Return the file name of the AAR for all ABIs at the API level of a target."""
    return f"build-runtime-{target.platform}{target.api_level or ''}.aar"


def package(
    parts: tuple[AbiContents, ...],
    coordinates: Coordinates,
    destination: Path,
    *,
    with_models: bool = False,
) -> Bundle:
    """Write the AAR into the folder `destination`; equal content gives equal bytes.

    Raises `UsageError` when it cannot be written.
    """
    first = parts[0].contents
    inside = _inside(it.contents for it in parts)
    shared = stage_shared(first, inside, coordinates, with_models=with_models)
    apart = [(it, stage_abi(it.contents, it.ndk, with_models=with_models)) for it in parts]
    document = {
        "version": VERSION,
        "kind": "aar",
        "group": coordinates.group,
        "artifact": coordinates.artifact,
        "artifact_version": coordinates.version,
        "targets": [
            describe(it.facts, it.result, _facts(files), _documents(it.contents.target.abi))
            for it, files in apart
        ],
        "files": [it.document() for it in _facts(shared)],
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    own = StagedFile(layout.MANIFEST, text.encode())
    archive = destination / archive_name(first.target)
    abis = [it.contents.target.abi for it in parts]
    stored = frozenset(place(it) for it in abis for place in (layout.library, layout.jni_library))
    staged = (own, *shared, *(file for _, files in apart for file in files))
    write_zip(staged, archive, stored)
    return Bundle(archive, archive.stat().st_size, sha256_file(archive), text)


def _inside(libraries: Iterable[Contents]) -> tuple[Part, ...]:
    """Return what is in any of the libraries, sorted by name: linked if it is linked in one."""
    found: dict[str, Part] = {}
    for part in (it for library in libraries for it in library.parts):
        if part.name not in found or part.presence is Presence.LINKED:
            found[part.name] = part
    return tuple(found[name] for name in sorted(found))


def _documents(abi: Abi) -> Documents:
    return Documents(sbom=str(layout.sbom(abi)), notice=str(layout.NOTICE))


def write_symbols(libraries: Iterable[tuple[Abi, Path]], destination: Path) -> Path:
    """Write the libraries with their symbol tables, for whoever reads crash reports."""
    path = destination / SYMBOLS
    files = (
        StagedFile(PurePosixPath(abi) / layout.LIBRARY_NAME, library) for abi, library in libraries
    )
    write_zip(files, path)
    return path


def _facts(files: Iterable[StagedFile]) -> tuple[FileFacts, ...]:
    ordered = sorted(files, key=lambda it: it.path.as_posix())
    return tuple(FileFacts(it.path.as_posix(), it.size, it.sha256) for it in ordered)
