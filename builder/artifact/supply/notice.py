"""NOTICE: the parts of a library with their licences, and the text of each."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from builder.artifact.staging import Part, Presence, StagedFile

_LINE: Final = "=" * 80
_HOW: Final = {
    Presence.LINKED: "linked",
    Presence.HEADERS: "by its headers",
}
_YOURS: Final = "not known to build-runtime"


def stage_licences(
    parts: Iterable[Part], place: PurePosixPath, folder: PurePosixPath
) -> Iterator[StagedFile]:
    """Yield NOTICE, and the texts of the licences that are in it, each as a file of its own."""
    parts = tuple(parts)
    yield StagedFile(place, notice(parts).encode())
    for part in parts:
        for text in part.texts:
            yield StagedFile(folder / part.name / text.name, text.text)


def notice(parts: Iterable[Part]) -> str:
    """Return the text for people, who must get it with the library. Equal parts, equal text."""
    parts = tuple(parts)
    lines = [
        "This library holds code of the following parts, under the licences that are named here.",
        "",
        *_table(parts),
    ]
    for part in parts:
        for text in part.texts:
            lines += ["", _LINE, f"{part.name}: {text.name}", _LINE, ""]
            lines += text.text.decode("utf-8", errors="replace").rstrip().splitlines()
    return "\n".join(lines) + "\n"


def _table(parts: tuple[Part, ...]) -> Iterator[str]:
    rows = [
        (f"{it.name} {it.version}".strip(), it.licence or _YOURS, _HOW[it.presence]) for it in parts
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for name, licence, how in rows:
        yield f"{name:{widths[0]}}  {licence:{widths[1]}}  {how}"
