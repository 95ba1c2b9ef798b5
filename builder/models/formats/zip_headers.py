"""The headers of a zip record: parsed strictly, since no checksum covers them."""

import struct
from dataclasses import dataclass
from typing import Final

from builder.models.formats.faults import MalformedError, shown

MAX_NAME: Final = 511  # miniz keeps names in 512 bytes

_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_BLOCK: Final = struct.Struct("<2H")

_STORED: Final = 0
DEFLATED: Final = 8
HAS_DESCRIPTOR: Final = 1 << 3
_KNOWN_FLAGS: Final = 0x0806 | HAS_DESCRIPTOR  # deflate level, UTF-8 names
_ENCRYPTED: Final = 0x2041
FULL32: Final = 0xFFFFFFFF
ZIP64_BLOCK: Final = 0x0001
_PADDING_BLOCK: Final = int.from_bytes(b"FB", "little")  # torch aligns tensors with 'Z' bytes
_OTHER_BLOCKS: Final = frozenset({0x000A, 0x5455, 0x5855, 0x7075, 0x7855, 0x7875, 0xCAFE, 0xD935})

# Values the "made by" fields really have. Torch leaves zero, other writers their version of the
# format; anything else is damage that no checksum covers.
_WRITERS: Final = frozenset({10, 20, 21, 23, 25, 27, 30, 31, 45, 46, 51, 52, 61, 62, 63})
_REWRITTEN: Final = 0o600 << 16  # attributes Python's zipfile gives a record that torch left bare


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the central directory describes it."""

    raw_name: bytes
    version: int
    flags: int
    method: int
    stamp: tuple[int, int]
    crc: int
    stored: int
    size: int
    offset: int


def parse_entry(directory: bytes, position: int) -> tuple[Entry, int, int]:
    """Return one record of the central directory, its writer, and where the next one begins."""
    if position + _CENTRAL.size > len(directory):
        raise MalformedError("its directory is cut off")
    (
        magic, made_by, version, flags, method, time, date, crc, stored, size,
        name_size, extra_size, comment, disk, internal, external, offset,
    ) = _CENTRAL.unpack_from(directory, position)  # fmt: skip
    position += _CENTRAL.size
    raw_name = directory[position : position + name_size]
    extra = directory[position + name_size : position + name_size + extra_size]
    if magic != b"PK\1\2" or len(raw_name) + len(extra) != name_size + extra_size:
        raise MalformedError("its directory is damaged")
    name = raw_name.decode(errors="replace")
    if flags & _ENCRYPTED:
        raise MalformedError(f"{shown(name)} is encrypted")
    bare = made_by == internal == 0 and external in (0, _REWRITTEN)
    known_writer = made_by & 0xFF in _WRITERS or bare
    if comment or disk or flags & ~_KNOWN_FLAGS or not known_writer:
        raise MalformedError(f"the directory entry of {shown(name)} is damaged")
    size, stored, offset = _widened(extra, name, size, stored, offset)
    if method not in (_STORED, DEFLATED) or (method == _STORED and stored != size):
        raise MalformedError(f"{shown(name)} is packed in a way torch never uses (method {method})")
    entry = Entry(raw_name, version, flags, method, (time, date), crc, stored, size, offset)
    return entry, made_by, position + name_size + extra_size


def _widened(extra: bytes, name: str, *narrow: int) -> tuple[int, int, int]:
    """Return size, stored size and offset with the 64-bit values where the 32-bit field is full."""
    wide = extra_blocks(extra, name).get(ZIP64_BLOCK, b"")
    values: list[int] = []
    for value in narrow:
        if value == FULL32 and len(wide) >= 8:  # noqa: PLR2004  a 64-bit number
            values.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            values.append(value)
    return values[0], values[1], values[2]


def extra_blocks(extra: bytes, name: str) -> dict[int, bytes]:
    """Split an extra field; torch's padding must be intact, for no checksum covers it."""
    blocks: dict[int, bytes] = {}
    position = 0
    while position + _BLOCK.size <= len(extra):
        identifier, length = _BLOCK.unpack_from(extra, position)
        position += _BLOCK.size
        blocks[identifier] = extra[position : position + length]
        position += length
    unknown = blocks.keys() - _OTHER_BLOCKS - {ZIP64_BLOCK, _PADDING_BLOCK}
    if position != len(extra) or unknown or blocks.get(_PADDING_BLOCK, b"").strip(b"Z"):
        raise MalformedError(f"the extra field of {shown(name)} is damaged")
    return blocks


def checked_name(raw: bytes) -> str:
    """Return a record's name; raise `MalformedError` for one that leads out of the archive."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = ""
    parts = name.removesuffix("/").split("/")
    if (
        len(raw) > MAX_NAME
        or not name.isprintable()
        or "\\" in name
        or ":" in parts[0]
        or any(part in ("", ".", "..") for part in parts)
    ):
        text = shown(raw.decode(errors="replace"))
        raise MalformedError(f"it has a record with a forbidden name '{text}'")
    return name
