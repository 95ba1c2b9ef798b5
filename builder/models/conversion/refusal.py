"""Why torch does not convert a model: told with its cause first, and remembered."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from builder import RELEASE
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.files import write_atomic
from builder.libtorch.codegen import pinned_catalogue
from builder.models.formats.archive import Archive
from builder.models.preflight.interpreter import read_interpreter
from builder.models.preflight.mentioned import beyond, of_extensions, problems_of
from builder.models.preflight.problems import LackingError, refuse
from builder.models.reading.mentions import read_mentions
from builder.models.torch_message import cause_first, reason, shortened
from builder.vocabulary.errors import ModelError

_KEPT: Final = "refusal.txt"
_MAX_KEPT: Final = 64 << 10  # characters

_OPCODE: Final = re.compile(r"\b([A-Z_]+) is not supported in mobile module")
_OF_THE_MACHINE: Final = re.compile(
    r"out of memory|not enough memory|cannot allocate|MemoryError|bad_alloc|no space left"
    r"|input/output error|PytorchStreamWriter failed|too many open files",
    re.IGNORECASE,
)
"""Reasons that may be gone when the same is tried again."""

_CHANGE_IT: Final = (
    "the first line is torch's reason: change that in the model and export it again; what only"
    " later releases of torch dropped goes through as a .ptl, saved by the torch it was made with:"
    ' module._save_for_lite_interpreter("model.ptl")'
)


def refuse_extensions(path: Path, archive: Archive, extension: Extension = NOTHING) -> None:
    """Raise `LackingError` where the code names what no torch has: it need not even be started."""
    if not read_mentions(archive, of_extensions):
        return
    catalogue = extension.extend(pinned_catalogue(RELEASE))
    interpreter = read_interpreter(RELEASE)
    mentions = read_mentions(archive, beyond(catalogue, interpreter))
    if any(of_extensions(it.kind, it.name) for it in mentions):
        refuse(problems_of(path.stem, mentions, catalogue), RELEASE)


def explained(
    path: Path, archive: Archive, message: str, extension: Extension = NOTHING
) -> ModelError:
    """Return the error for a model that torch refused with this message.

    What the code names and the release lacks is told all at once, with its lines. Otherwise torch
    has the word.
    """
    catalogue = extension.extend(pinned_catalogue(RELEASE))
    interpreter = read_interpreter(RELEASE)
    lacks = beyond(catalogue, interpreter, _OPCODE.findall(message))
    problems = problems_of(path.stem, read_mentions(archive, lacks), catalogue)
    if problems:
        named = any(it.subject.split()[-1] in message for it in problems)
        return LackingError(problems, RELEASE, "" if named else reason("torch", message))
    lines = "\n    ".join(shortened(cause_first(message)))
    return ModelError(f"torch cannot convert {path} to a lite model\n    {lines}", hint=_CHANGE_IT)


def remember(folder: Path, message: str) -> None:
    """Keep what torch said of a model, unless the machine was to blame.

    A cache that cannot be written serves as far as it goes.
    """
    if not _OF_THE_MACHINE.search(message):
        with suppress(OSError):
            write_atomic(folder / _KEPT, message[:_MAX_KEPT])


def remembered(folder: Path) -> str:
    """Return what torch said of a model before; an empty text where it did not refuse."""
    try:
        return (folder / _KEPT).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
