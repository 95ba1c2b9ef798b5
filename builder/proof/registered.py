"""Which operators a library registers, read from its file.

Note [Names of registered operators] is in native/src/upstream/named_operators.h.
"""

from pathlib import Path
from typing import Final

from builder.foundation.elf import read_elf
from builder.vocabulary.errors import VerificationError

SECTION: Final = "br_registered"


def read_registered(library: Path) -> frozenset[str] | None:
    """Return the operators that a library names in its registrations, by name and overload.

    None if it is of a release that left no names. Raise `VerificationError` for a file that is no
    library.
    """
    elf = read_elf(library)
    found = next((it for it in elf.sections if it.name == SECTION), None)
    if found is None:
        return None
    if found.offset + found.stored > elf.size:
        message = f"{library} is not a readable ELF library: {SECTION} lies behind its end"
        raise VerificationError(message, hint="build it again; it may be cut short")
    with library.open("rb") as stream:
        stream.seek(found.offset)
        texts = stream.read(found.stored).split(b"\0")
    schemas = (text.decode("utf-8", errors="replace") for text in texts if text)
    return frozenset(schema.partition("(")[0].strip(' "') for schema in schemas)
