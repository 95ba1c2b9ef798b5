"""Whether a file is an object of a target: what comes from a cache of others may be anything."""

import struct
from pathlib import Path
from typing import Final

from elftools.elf.enums import ENUM_E_MACHINE

from builder.vocabulary.targets import Abi, abi_facts

_CLASSES: Final = {
    1: struct.Struct("<4s3B9xHHIIIIIHHHHHH"),
    2: struct.Struct("<4s3B9xHHIQQQIHHHHHH"),
}
"""The header of an ELF file by its class, 32 or 64 bits, little-endian."""

_CLASS_AT: Final = 4
_RELOCATABLE: Final = 1


def is_whole_object(path: Path, abi: Abi) -> bool:
    """Whether a file is an ELF object for an ABI, whose sections all lie in it.

    Compilers write the table of sections last: a file that was cut short has none.
    """
    with path.open("rb") as stream:
        head = stream.read(64)
    layout = _CLASSES.get(head[_CLASS_AT]) if len(head) > _CLASS_AT else None
    if layout is None or len(head) < layout.size:
        return False
    fields = layout.unpack_from(head)
    magic, number, _, _, kind, machine, *_, sections, _, _, _, _, entry, count, _ = fields
    facts = abi_facts(abi)
    end: int = sections + entry * max(count, 1)  # of too many, the count is in the first entry
    is_object: bool = magic == b"\x7fELF" and kind == _RELOCATABLE
    fits: bool = facts.bits == 32 * number and machine == ENUM_E_MACHINE[facts.elf_machine]
    return is_object and fits and 0 < end <= path.stat().st_size
