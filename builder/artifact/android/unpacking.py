"""Opening an AAR of an earlier build, the folder it was unpacked to, or a Maven repository."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from builder.artifact.android import layout
from builder.artifact.android.packing import VERSION
from builder.artifact.reading import (
    Artifact,
    read_artifact,
    read_files,
    read_manifest,
    reading,
)
from builder.foundation.coordinates import (
    Coordinates,
    parse_artifact,
    parse_group,
    parse_version,
)
from builder.foundation.files import sha256_file
from builder.vocabulary.checks import FILES, Check, Outcome
from builder.vocabulary.errors import UsageError

_MOST_ENTRIES: Final = 50_000
"""Files and folders of a repository: those of some thousand versions."""

_LONGEST_TEXT: Final = 1 << 20
_SHOWN: Final = 5


def read_folder(source: Path, root: Path) -> tuple[Artifact, ...]:
    """Return what an unpacked AAR holds, one value for each ABI.

    Files that all ABIs share belong to the first, so that they are looked at once.
    """
    document = read_manifest(root / layout.MANIFEST, source)
    found = read_targets(document, source, root)
    with reading(source):
        shared = read_files(document["files"])
    return (replace(found[0], files=(*found[0].files, *shared)), *found[1:])


def read_targets(document: dict[str, Any], source: Path, root: Path) -> tuple[Artifact, ...]:
    """Return the targets that the manifest of an AAR tells of; raise `UsageError` without any."""
    with reading(source):
        if document["version"] != VERSION:
            message = "it is of a version this program does not read"
            raise ValueError(message)
        told: list[dict[str, Any]] = list(document["targets"])
        if not told:
            message = "it tells of no target"
            raise ValueError(message)
        coordinates = Coordinates(
            parse_group(str(document["group"])),
            parse_artifact(str(document["artifact"])),
            parse_version(str(document["artifact_version"])),
        )
    found = tuple(read_artifact(it, source, root, layout.places) for it in told)
    abis = tuple(it.target.abi for it in found)
    return tuple(replace(it, abis=abis, coordinates=coordinates) for it in found)


def find_aar(repository: Path) -> Path | None:
    """Return the AAR of a Maven repository with a runtime, None if it has none.

    Of several versions it is the one that was published last. Raise `UsageError` where that does
    not say which, and for a folder with far more in it than builds publish.
    """
    poms = (it for it in _entries(repository) if it.suffix == ".pom")
    aars = ((it.with_suffix(".aar"), it) for it in poms)
    found = sorted(aar for aar, pom in aars if aar.is_file() and not _needs_others(pom))
    if len(found) > 1:
        released = [it for it in found if it.parent.name == _released(it.parent.parent)]
        if len(released) != 1:
            raise _several(found, repository)
        found = released
    return found[0] if found else None


def _entries(repository: Path) -> Iterator[Path]:
    for place, path in enumerate(repository.rglob("*")):
        if place == _MOST_ENTRIES:
            raise UsageError(
                f"{repository} holds too much for a repository of libraries",
                hint="name the AAR, or the folder maven/ beside it",
            )
        yield path


def _needs_others(pom: Path) -> bool:
    """Whether it is of a library for a runtime, which itself needs nothing."""
    return "<dependency>" in _read_start(pom)


def _several(found: list[Path], repository: Path) -> UsageError:
    names = [it.relative_to(repository).as_posix() for it in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    told = ", ".join((*names, *more))
    return UsageError(f"{repository} holds several libraries: {told}", hint="name one of them")


def _released(folder: Path) -> str:
    """Return which version was published last, as far as a list of versions tells."""
    path = folder / "maven-metadata.xml"
    text = _read_start(path) if path.is_file() else ""
    return text.partition("<release>")[2].partition("</release>")[0]


def check_published(aar: Path) -> Check | None:
    """Compare an AAR with the checksum beside it, if it lies in a repository."""
    noted = aar.with_name(f"{aar.name}.sha256")
    if not noted.is_file():
        return None
    wrong = tuple(_differences(aar, noted))
    return Check(
        name=FILES,
        outcome=Outcome.FAILED if wrong else Outcome.PASSED,
        reasons=wrong,
        hint="publish it again" if wrong else "",
    )


def _differences(aar: Path, noted: Path) -> Iterator[str]:
    if _read_start(noted).strip() != sha256_file(aar):
        yield f"{aar.name}: its content is not that of {noted.name}"


def _read_start(path: Path) -> str:
    """Return the text of a file, as far as it is not longer than any that builds write."""
    with path.open("rb") as stream:
        return stream.read(_LONGEST_TEXT).decode("utf-8", errors="replace")
