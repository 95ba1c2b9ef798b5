"""The objects a library was linked of, as its link map names them."""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.libtorch.closure.details import ObjectDetails
from builder.libtorch.closure.libraries import members
from builder.libtorch.closure.objects import ObjectGraph, parse_object
from builder.vocabulary.errors import VerificationError

_MEMBER: Final = re.compile(r"(?P<archive>.+\.a)\((?P<name>.+)\)")


@dataclass(frozen=True, slots=True)
class LinkedObject:
    """An object by the name the link map has for it. `own`: made for this selection alone."""

    file: str
    graph: ObjectGraph
    details: ObjectDetails
    own: bool


def read_linked(files: Iterable[str], folder: Path) -> tuple[LinkedObject, ...]:
    """Read objects, relative to the folder that was linked in; raise `VerificationError`.

    What the linker made itself, and what is no object, is left out.
    """
    apart: dict[str, list[str]] = {}
    plain: list[str] = []
    for file in files:
        member = _MEMBER.fullmatch(file)
        if member is not None:
            apart.setdefault(member["archive"], []).append(member["name"])
        elif file != "<internal>":
            plain.append(file)
    try:
        contents = dict(_contents(plain, apart, folder))
        return tuple(
            LinkedObject(file, parse_object(Path(file), data), ObjectDetails(data), is_own(file))
            for file, data in contents.items()
        )
    except (OSError, struct.error, ValueError, IndexError) as error:
        message = f"what the library was linked of cannot be read: {error}"
        raise VerificationError(message, hint="build it again") from error


def _contents(
    plain: Iterable[str], apart: Mapping[str, list[str]], folder: Path
) -> Iterator[tuple[str, bytes]]:
    for file in plain:
        yield file, (folder / file).read_bytes()
    for archive, names in apart.items():
        wanted = set(names)
        for name, data in members(folder / archive):
            if name in wanted and data.startswith(b"\x7fELF"):
                yield f"{archive}({name})", data


def is_own(file: str) -> bool:
    """Whether an object lies in the folder of the build: those of stores lie outside of it."""
    return not file.startswith(("/", "../")) and _MEMBER.fullmatch(file) is None
