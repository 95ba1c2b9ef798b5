"""The coordinates of a Maven artifact, by which Gradle files name it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from builder.vocabulary.errors import UsageError

_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+)*([.+-][A-Za-z0-9]+)*")
_NUMBERS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){0,3}")
_PART: Final = re.compile(r"[0-9]+|[A-Za-z]+")
_LONGEST: Final = 100
"""Characters of a part: these are names of folders and files."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Group, artifact and version: each of them fit for a path, and checked by who parses it."""

    group: str
    artifact: str
    version: str

    def __str__(self) -> str:
        """Return them as Gradle files write them."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def folder(self) -> PurePosixPath:
        """Return where all versions lie in a repository."""
        return PurePosixPath(*self.group.split("."), self.artifact)

    @property
    def numeric_version(self) -> str:
        """Return up to four numbers with dots between them: Prefab and CMake take nothing else."""
        found = _NUMBERS.match(self.version)
        assert found is not None, self.version
        return found[0]

    @property
    def namespace(self) -> str:
        """Return the name of a Java package: Android wants one, and each library another."""
        words = (*self.group.split("."), *self.artifact.split("."))
        plain = (re.sub(r"\W", "_", word).lower() for word in words)
        return ".".join(word if word[0].isalpha() else f"_{word}" for word in plain)


REPLACED: Final = ("pytorch_android_lite", "pytorch_android")
"""PyTorch's modules with the classes of `org.pytorch`, the one ours is like first."""

REPLACED_FOR_IMAGES: Final = ("pytorch_android_torchvision_lite", "pytorch_android_torchvision")
"""Likewise with those of `org.pytorch.torchvision`."""

_PYTORCH: Final = "org.pytorch"
_LAST: Final = "2.1.0"
"""The last version that PyTorch published of these."""


def replaced_by(version: str, names: Iterable[str] = REPLACED) -> tuple[Coordinates, ...]:
    """Return PyTorch's modules as a version of theirs, which a library of ours stands for."""
    return tuple(Coordinates(_PYTORCH, it, version) for it in names)


def for_images(runtime: Coordinates) -> Coordinates:
    """Return the coordinates of the library with `org.pytorch.torchvision` for a runtime."""
    named = REPLACED_FOR_IMAGES[0]
    usual = runtime.artifact == REPLACED[0]
    return replace(runtime, artifact=named if usual else f"{runtime.artifact}_torchvision")


def drop_in(given: Coordinates, usual: Coordinates, version: str) -> Coordinates:
    """Return the coordinates with which Gradle takes ours where a plugin asks for PyTorch's.

    Of those `given`, what is as `usual` was not asked for; `version` is taken then. Raise
    `UsageError` for a group or an artifact, and for a version that PyTorch's are not older than.
    """
    if (given.group, given.artifact) != (usual.group, usual.artifact):
        raise UsageError(
            "--maven-drop-in and coordinates of your own exclude each other",
            hint=f"leave out --maven-drop-in, or {given.group}:{given.artifact}",
        )
    chosen = version if given.version == usual.version else given.version
    if version_order(chosen) <= version_order(_LAST):
        raise UsageError(
            f"--maven-drop-in with version {chosen}: Gradle would take PyTorch's {_LAST}",
            hint=f"a version above that, such as {version}: the default",
        )
    return Coordinates(_PYTORCH, REPLACED[0], chosen)


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts versions as Maven does: by numbers, and a release after its candidates."""
    parts = _PART.findall(version)
    keys = [(2, int(it), "") if it.isdecimal() else (0, 0, it.lower()) for it in parts]
    return (*keys, (1, 0, ""))


def parse_group(text: str) -> str:
    """Read a group id such as `com.example.models`; raise `UsageError` for anything else."""
    return _dotted(text, "group", "com.example.models")


def parse_artifact(text: str) -> str:
    """Read an artifact id such as `my-models`; raise `UsageError` for anything else."""
    return _dotted(text, "artifact", "my-models")


def parse_version(text: str) -> str:
    """Read a version of a release such as `1.2.0`; raise `UsageError` for anything else."""
    if not _VERSION.fullmatch(text) or len(text) > _LONGEST:
        raise UsageError(
            f"{text!r} is no version", hint="numbers and dots, then letters if need be: 1.2.0-rc1"
        )
    if text.upper().endswith("-SNAPSHOT"):
        raise UsageError(
            f"{text!r} is a snapshot, and the repository holds releases",
            hint=f"leave -SNAPSHOT out: {text[: -len('-SNAPSHOT')]}",
        )
    return text


def _dotted(text: str, what: str, example: str) -> str:
    if len(text) > _LONGEST or not all(map(_WORD.fullmatch, text.split("."))):
        raise UsageError(
            f"{text!r} is no Maven {what}",
            hint=f"words of letters, digits, - and _, with dots between them: {example}",
        )
    return text
