"""The revision of an NDK: read from its files, and as people name it."""

import re
from dataclasses import dataclass
from typing import Final

OLDEST: Final = 23
"""The first major revision we drive: it has the layout and the linker of all later ones."""

NEWEST: Final = 30
"""The last major revision this release knows. Newer ones are tried, with a warning."""

_REVISION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,12})((?:-[\w.]{1,20})?)")
_PROPERTY: Final = re.compile(r"^\s*([\w.]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_SHORT: Final = re.compile(r"r?(\d{1,4})([a-z]?)")
_LONG: Final = re.compile(r"\d{1,4}\.\d{1,4}(\.\d{1,12}(-[\w.]{1,20})?)?")


@dataclass(frozen=True, slots=True)
class Revision:
    """What `source.properties` tells: r26b is 26.1 with the number of a build."""

    major: int
    minor: int
    build: int
    preview: str = ""

    def __str__(self) -> str:
        """Return it as Android's tools spell it, such as `26.1.10909125`."""
        return f"{self.major}.{self.minor}.{self.build}{self.preview}"

    @property
    def release(self) -> str:
        """Return what people call it: `r26b`."""
        return f"r{self.major}{chr(ord('a') + self.minor) if 0 < self.minor < 26 else ''}"  # noqa: PLR2004

    @property
    def age(self) -> tuple[int, int, int, bool]:
        """Return what orders revisions: a preview comes before its release."""
        return self.major, self.minor, self.build, not self.preview


def parse_properties(text: str) -> dict[str, str]:
    """Return the lines `name = value` of a file such as `source.properties`."""
    return {match[1]: match[2] for match in _PROPERTY.finditer(text)}


def parse_revision(text: str) -> Revision | None:
    """Read a revision as `source.properties` spells it, or return None."""
    if (match := _REVISION.fullmatch(text)) is None:
        return None
    return Revision(int(match[1]), int(match[2]), int(match[3]), match[4])


def names_revision(text: str) -> bool:
    """Whether a word is a revision rather than a path: `26`, `r26b`, `26.1`, `26.1.10909125`."""
    return _SHORT.fullmatch(text) is not None or _LONG.fullmatch(text) is not None


def is_revision(revision: Revision, word: str) -> bool:
    """Whether a revision is the one that a word names, as far as the word goes."""
    if short := _SHORT.fullmatch(word):
        return revision.major == int(short[1]) and (
            not short[2] or revision.release.endswith(short[2])
        )
    return f"{revision}.".startswith(f"{word}.") or str(revision) == word
