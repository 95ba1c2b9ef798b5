"""Writing an AAR into a repository, beside whatever else is there.

The format: https://maven.apache.org/guides/introduction/introduction-to-repositories.html
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from builder.artifact.maven.gradle import CHECKSUMS, Extras, module
from builder.artifact.rendering import render
from builder.foundation.coordinates import Coordinates, version_order
from builder.foundation.files import copy_atomic, write_if_changed
from builder.vocabulary.errors import UsageError

_METADATA: Final = "maven-metadata.xml"


NOTHING: Final = Extras()


@dataclass(frozen=True, slots=True)
class Published:
    """What was written: the files of this version, and those that all versions share."""

    aar: Path
    files: tuple[Path, ...]


def publish(
    aar: Path,
    coordinates: Coordinates,
    models: Iterable[str],
    repository: Path,
    extras: Extras = NOTHING,
) -> Published:
    """Put an AAR made for `models` into a repository; equal content gives equal bytes.

    Other versions stay, and the list of versions has them all. Whoever resolves meanwhile finds the
    new version whole or not at all, as the list is written last. Only one process may publish into
    a repository at a time. Raise `UsageError` when files cannot be written.
    """
    folder = repository / coordinates.folder
    version = folder / coordinates.version
    stem = f"{coordinates.artifact}-{coordinates.version}"
    place = version / f"{stem}.aar"
    try:
        copy_atomic(aar, place)
        documents = {it: version / f"{stem}-{it}.jar" for it, _ in extras.documents}
        for kind, content in extras.documents:
            write_if_changed(documents[kind], content)
        pom = _pom(coordinates, models, extras)
        files = [
            *_checked(place),
            *(it for path in documents.values() for it in _checked(path)),
            *_written(version / f"{stem}.pom", pom),
            *_written(version / f"{stem}.module", module(coordinates, place, documents, extras)),
        ]
        files += _written(folder / _METADATA, _metadata(coordinates, _versions(folder)))
    except OSError as error:
        raise _unwritable(error, repository) from error
    return Published(place, tuple(files))


def withdraw(coordinates: Coordinates, repository: Path) -> None:
    """Take a version out of a repository, if it is of a library that needs another one.

    Other versions stay. The list of versions no longer has it before its files go. Only one process
    may write into a repository at a time. Raise `UsageError` when files cannot be removed.
    """
    folder = repository / coordinates.folder
    version = folder / coordinates.version
    pom = version / f"{coordinates.artifact}-{coordinates.version}.pom"
    try:
        if not pom.is_file() or b"<dependency>" not in pom.read_bytes():
            return  # a runtime may have that name: it needs nothing
        _forget(coordinates, folder)
        shutil.rmtree(version)
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise _unwritable(error, repository) from error


def _forget(coordinates: Coordinates, folder: Path) -> None:
    """Write the list of versions without one; without any there is no list."""
    others = [it for it in _versions(folder) if it != coordinates.version]
    if others:
        latest = replace(coordinates, version=others[-1])
        tuple(_written(folder / _METADATA, _metadata(latest, others)))
        return
    for path in folder.glob(f"{_METADATA}*"):
        path.unlink()


def _unwritable(error: OSError, repository: Path) -> UsageError:
    return UsageError(
        f"cannot write {error.filename or repository}: {error.strerror or error}",
        hint="free some space, or choose another place with -o",
    )


def _versions(folder: Path) -> list[str]:
    """Return the versions that are there: what has a POM is one."""
    found = (it.parent.name for it in folder.glob("*/*.pom"))
    return sorted(set(found), key=version_order)


def _pom(coordinates: Coordinates, models: Iterable[str], extras: Extras) -> str:
    context: dict[str, object] = {
        "group": coordinates.group,
        "artifact": coordinates.artifact,
        "version": coordinates.version,
        "models": ", ".join(sorted(models)) or "a list of operators",
        "needs": extras.needs,
        "purpose": extras.purpose,
    }
    return render("maven/pom.xml.j2", context)


def _metadata(coordinates: Coordinates, versions: list[str]) -> str:
    context: dict[str, object] = {
        "group": coordinates.group,
        "artifact": coordinates.artifact,
        "latest": coordinates.version,
        "versions": versions,
    }
    return render("maven/maven-metadata.xml.j2", context)


def _written(path: Path, text: str) -> Iterator[Path]:
    write_if_changed(path, text)
    return _checked(path)


def _checked(path: Path) -> Iterator[Path]:
    """Yield a file and those with its checksums, which are written."""
    yield path
    data = path.read_bytes()
    for name in CHECKSUMS:
        checksum = path.with_name(f"{path.name}.{name}")
        write_if_changed(checksum, hashlib.new(name, data).hexdigest())
        yield checksum
