"""The one internal exception of this stage: a model file breaks a rule of its format."""

from typing import Final

_SHOWN: Final = 80


class MalformedError(Exception):
    """What is wrong inside the file; the border of the stage adds which file and what to do.

    `hint` is what to do where that is not to repair the file.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the message as the text of the exception."""
        super().__init__(message)
        self.hint = hint


def shown(text: str, *, limit: int = _SHOWN) -> str:
    """Return text out of an untrusted file, safe and short enough to print."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    if cut.isprintable():
        return cut
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in cut
    )
