"""Names for people: object files without the folders of this machine, and their components."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import PurePosixPath
from typing import Final

from builder.foundation import resources

LINKER: Final = "linker:"
"""Begins the name of what no object file brought: `linker:.dynstr`, `linker:padding`."""

_ARCHIVE_MEMBER: Final = re.compile(r"(?P<archive>.+\.a)\((?P<member>.+)\)")
_CMAKE_FOLDER: Final = re.compile(r".*CMakeFiles/[^/]+\.dir/(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class _Component:
    name: str
    sections: re.Pattern[str]
    objects: re.Pattern[str]


def object_name(file: str, section: str, roots: Iterable[tuple[str, str]]) -> str:
    """Return how reports name an input file of the link map.

    Of `roots`, pairs of a path prefix and what replaces it, the longest that fits decides. Without
    one, an absolute path is reduced to its last part: no path of this machine gets into a report.
    """
    if file == "<internal>":
        return LINKER + section
    member = _ARCHIVE_MEMBER.fullmatch(file)
    if member is not None:
        archive, name = PurePosixPath(member["archive"]).name, PurePosixPath(member["member"]).name
        return f"{archive}({name})"
    return _below_roots(file, tuple(roots))


def _below_roots(file: str, roots: tuple[tuple[str, str], ...]) -> str:
    # CMake keeps the object of a source in a folder named like the path of that source: relative to
    # the folder of the build, or absolute without the first slash.
    folder = _CMAKE_FOLDER.fullmatch(file)
    for path in (file,) if folder is None else (folder["rest"], "/" + folder["rest"], file):
        for prefix, short in sorted(roots, key=lambda root: -len(root[0])):
            base = prefix.rstrip("/") + "/"
            rest = path.removeprefix(base)
            if rest != path and "CMakeFiles/" not in rest:
                return str(PurePosixPath(short) / rest)
    plain = PurePosixPath(file)
    foreign = folder is not None or plain.is_absolute() or ".." in plain.parts
    return plain.name if foreign else str(plain)


@cache
def component_of(section: str, name: str) -> str:
    """Return the component of an object's bytes (named by `object_name`) in an output section.

    The section decides only for what the linker made and no object is the cause of.
    """
    nobody = name.startswith(LINKER)
    return next(
        component.name
        for component in _components()
        if (nobody and component.sections.fullmatch(section)) or component.objects.fullmatch(name)
    )


@cache
def _components() -> tuple[_Component, ...]:
    text = (resources.DATA / "components.toml").read_text(encoding="utf-8")
    return tuple(
        _Component(entry["name"], _any(entry.get("sections", ())), _any(entry.get("objects", ())))
        for entry in tomllib.loads(text)["component"]
    )


def _any(globs: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches what any of the globs matches; none match nothing."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)")
