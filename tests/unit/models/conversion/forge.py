"""Flatbuffers made by hand."""

import struct
from typing import Final

U32: Final = struct.Struct("<I")


def table(*fields: bytes) -> bytes:
    """Lay out a buffer whose root table has these fields, four bytes each."""
    slots = struct.pack(f"<2H{len(fields)}H", 4 + 2 * len(fields), 4 + 4 * len(fields),
                        *(4 + 4 * index for index in range(len(fields))))  # fmt: skip
    body = struct.pack("<i", len(slots)) + b"".join(fields)
    return U32.pack(8 + len(slots)) + b"PTMF" + slots + body
