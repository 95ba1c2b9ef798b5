"""Gradle's metadata of a module: what the POM cannot say.

The format:
https://github.com/gradle/gradle/blob/master/platforms/documentation/docs/src/docs/design/gradle-module-metadata-latest-specification.md
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.foundation.coordinates import Coordinates

CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")
_FORMAT: Final = "1.1"
_USAGES: Final = {"apiPublication": "java-api", "runtimePublication": "java-runtime"}
"""The variants that the Android plugin publishes for a library, and what each is for."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What comes with an AAR.

    `documents` are jars for developers, by the classifier that their name ends with. An app can
    have one library of those that this one `stands_for`: Gradle refuses two, and says which.
    `needs` are the modules without which it does not work, `purpose` is what it is for.
    """

    documents: tuple[tuple[str, bytes], ...] = ()
    stands_for: tuple[Coordinates, ...] = ()
    needs: tuple[Coordinates, ...] = ()
    purpose: str = "Runs TorchScript lite-interpreter models (.ptl)"


def module(
    coordinates: Coordinates, aar: Path, documents: Mapping[str, Path], extras: Extras
) -> str:
    """Return the metadata; `documents` are files of the repository, by their classifier."""
    document = {
        "formatVersion": _FORMAT,
        "component": {
            "group": coordinates.group,
            "module": coordinates.artifact,
            "version": coordinates.version,
            "attributes": {"org.gradle.status": "release"},
        },
        "variants": [
            *(_library(name, usage, aar, coordinates, extras) for name, usage in _USAGES.items()),
            *(_documentation(kind, path) for kind, path in documents.items()),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _library(
    name: str, usage: str, aar: Path, coordinates: Coordinates, extras: Extras
) -> dict[str, Any]:
    variant: dict[str, Any] = {
        "name": name,
        "attributes": {
            "org.gradle.category": "library",
            "org.gradle.dependency.bundling": "external",
            "org.gradle.libraryelements": "aar",
            "org.gradle.usage": usage,
        },
    }
    if extras.needs:
        variant["dependencies"] = [_dependency(it) for it in extras.needs]
    variant["files"] = [_file(aar)]
    if extras.stands_for:
        variant["capabilities"] = _capabilities((coordinates, *extras.stands_for))
    return variant


def _documentation(kind: str, path: Path) -> dict[str, Any]:
    return {
        "name": f"{kind}Elements",
        "attributes": {
            "org.gradle.category": "documentation",
            "org.gradle.dependency.bundling": "external",
            "org.gradle.docstype": kind,
            "org.gradle.usage": "java-runtime",
        },
        "files": [_file(path)],
    }


def _dependency(needed: Coordinates) -> dict[str, Any]:
    version = {"requires": needed.version}
    return {"group": needed.group, "module": needed.artifact, "version": version}


def _capabilities(all_of: Iterable[Coordinates]) -> list[dict[str, str]]:
    """Return each once: a module that names some has to name its own."""
    names = {(it.group, it.artifact): it.version for it in reversed(tuple(all_of))}
    rows = sorted(names.items())
    return [{"group": group, "name": name, "version": it} for (group, name), it in rows]


def _file(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "name": path.name,
        "url": path.name,
        "size": len(data),
        **{name: hashlib.new(name, data).hexdigest() for name in reversed(CHECKSUMS)},
    }
