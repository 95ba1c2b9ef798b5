"""Writing an AAR into a repository, beside whatever else is there.

The formats: https://maven.apache.org/guides/introduction/introduction-to-repositories.html and
https://github.com/gradle/gradle/blob/master/platforms/documentation/docs/src/docs/design/gradle-module-metadata-latest-specification.md
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.artifact.rendering import render
from builder.foundation.coordinates import Coordinates, version_order
from builder.foundation.files import copy_atomic, write_if_changed
from builder.vocabulary.errors import UsageError

_CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")
_METADATA: Final = "maven-metadata.xml"
_GRADLE_FORMAT: Final = "1.1"
_USAGES: Final = {"apiPublication": "java-api", "runtimePublication": "java-runtime"}
"""The variants that the Android plugin publishes for a library, and what each is for."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was written: the files of this version, and those that all versions share."""

    aar: Path
    files: tuple[Path, ...]


def publish(
    aar: Path, coordinates: Coordinates, models: Iterable[str], repository: Path
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
        pom = _pom(coordinates, models)
        module = _module(coordinates, place)
        files = [
            *_checked(place),
            *_written(version / f"{stem}.pom", pom),
            *_written(version / f"{stem}.module", module),
        ]
        files += _written(folder / _METADATA, _metadata(coordinates, _versions(folder)))
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or repository}: {error.strerror or error}",
            hint="free some space, or choose another place with -o",
        ) from error
    return Published(place, tuple(files))


def _versions(folder: Path) -> list[str]:
    """Return the versions that are there: what has a POM is one."""
    found = (it.parent.name for it in folder.glob("*/*.pom"))
    return sorted(set(found), key=version_order)


def _pom(coordinates: Coordinates, models: Iterable[str]) -> str:
    context: dict[str, object] = {
        "group": coordinates.group,
        "artifact": coordinates.artifact,
        "version": coordinates.version,
        "models": ", ".join(sorted(models)) or "a list of operators",
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


def _module(coordinates: Coordinates, aar: Path) -> str:
    """Return Gradle's metadata of the module."""
    data = aar.read_bytes()
    file = {
        "name": aar.name,
        "url": aar.name,
        "size": len(data),
        **{name: hashlib.new(name, data).hexdigest() for name in reversed(_CHECKSUMS)},
    }
    document = {
        "formatVersion": _GRADLE_FORMAT,
        "component": {
            "group": coordinates.group,
            "module": coordinates.artifact,
            "version": coordinates.version,
            "attributes": {"org.gradle.status": "release"},
        },
        "variants": [_variant(name, usage, file) for name, usage in _USAGES.items()],
    }
    return json.dumps(document, indent=2) + "\n"


def _variant(name: str, usage: str, file: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "attributes": {
            "org.gradle.category": "library",
            "org.gradle.dependency.bundling": "external",
            "org.gradle.libraryelements": "aar",
            "org.gradle.usage": usage,
        },
        "files": [file],
    }


def _written(path: Path, text: str) -> Iterator[Path]:
    write_if_changed(path, text)
    return _checked(path)


def _checked(path: Path) -> Iterator[Path]:
    """Yield a file and those with its checksums, which are written."""
    yield path
    data = path.read_bytes()
    for name in _CHECKSUMS:
        checksum = path.with_name(f"{path.name}.{name}")
        write_if_changed(checksum, hashlib.new(name, data).hexdigest())
        yield checksum
