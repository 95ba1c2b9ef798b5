"""The zip container of a model: every byte is accounted for before any content is believed.

PyTorch loads with miniz, which trusts the central directory and takes the first of two names.
Python's `zipfile` takes the last. Two readers that disagree are a way to hide a payload, and a
damaged header goes unnoticed, so the container is read here by rules that leave no freedom: records
follow each other without gap or overlap, both headers of a record agree, and checksums hold.

Format: APPNOTE.TXT of PKWARE, sections 4.3 to 4.5.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.zip_headers import (
    DEFLATED,
    FULL32,
    HAS_DESCRIPTOR,
    ZIP64_BLOCK,
    Entry,
    checked_name,
    extra_blocks,
    parse_entry,
)

MAX_RECORDS: Final = 100_000
MAX_INFLATED: Final = 256 << 20  # bytes; torch compresses source code only, never tensors
_CHUNK: Final = 1 << 20

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64: Final = struct.Struct("<4sIQI")

_NARROW: Final = struct.Struct("<2I")
_WIDE: Final = struct.Struct("<2Q")

_FULL16: Final = 0xFFFF
_WRITERS64: Final = frozenset({0x031E, 0x002D, 0x032D})  # miniz and Info-ZIP, Python, libarchive


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the archive. `start` is where its bytes are."""

    name: str
    start: int
    stored: int
    size: int
    crc: int
    deflated: bool


class Archive:
    """An open archive whose layout has been checked; contents are checked when they are read."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        """Read and check all headers; raise `MalformedError`. The caller keeps `stream` open."""
        self.path = path
        self._stream = stream
        self._size = stream.seek(0, 2)
        count, start, length = self._directory_place()
        entries = self._entries(count, start, length)
        self.records = _in_one_folder(self._checked(entries, start))

    def read(self, name: str, *, limit: int) -> bytes:
        """Return the content of a record of at most `limit` bytes; raise `MalformedError`."""
        record = self.records.get(name)
        if record is None:
            raise MalformedError(f"it has no record '{shown(name)}'")
        if record.size > limit:
            raise MalformedError(f"{shown(name)} is {record.size} bytes long, the limit is {limit}")
        return b"".join(self._content(record))

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file, as lower-case hex."""
        digest = hashlib.sha256()
        self._stream.seek(0)
        while piece := self._stream.read(_CHUNK):
            digest.update(piece)
        return digest.hexdigest()

    def digest(self, name: str) -> bytes:
        """Return the SHA-256 of the content of a record that is there."""
        digest = hashlib.sha256()
        for piece in self._content(self.records[name]):
            digest.update(piece)
        return digest.digest()

    def check_contents(self) -> None:
        """Compare every record with its checksum; raise `MalformedError` on the first mismatch."""
        for record in self.records.values():
            for _ in self._content(record):
                pass

    def _content(self, record: Record) -> Iterator[bytes]:
        crc, size = 0, 0
        for piece in (self._inflated(record),) if record.deflated else self._raw(record):
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            yield piece
        if size != record.size or crc != record.crc:
            raise MalformedError(f"{shown(record.name)} is damaged (its checksum is wrong)")

    def _raw(self, record: Record) -> Iterator[bytes]:
        self._stream.seek(record.start)
        left = record.stored
        while left:
            piece = self._stream.read(min(left, _CHUNK))
            if not piece:
                raise MalformedError(f"{shown(record.name)} ends early")
            left -= len(piece)
            yield piece

    def _inflated(self, record: Record) -> bytes:
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than promised, so that too much is seen; `_checked` bounds the promise.
            content = machine.decompress(b"".join(self._raw(record)), record.size + 1)
        except zlib.error as error:
            raise MalformedError(f"{shown(record.name)} is damaged ({error})") from error
        if not machine.eof or machine.unused_data:
            raise MalformedError(
                f"{shown(record.name)} is damaged (compressed data of the wrong length)"
            )
        return content

    def _take(self, offset: int, length: int, what: str) -> bytes:
        if offset < 0 or offset + length > self._size:
            raise MalformedError(f"{what} lies outside the file")
        self._stream.seek(offset)
        raw = self._stream.read(length)
        if len(raw) != length:
            raise MalformedError(f"{what} ends early")
        return raw

    def _directory_place(self) -> tuple[int, int, int]:
        """Return the number of records, and offset and length of the central directory."""
        end = self._size - _END.size
        if end < 0:
            raise MalformedError("it is cut off (too short for a zip archive)")
        magic, disk, start_disk, here, total, length, start, comment = _END.unpack(
            self._take(end, _END.size, "the end record")
        )
        if magic != b"PK\5\6" or comment:
            raise MalformedError(
                "it is cut off, or bytes follow its end (no zip end record at the end)"
            )
        if disk or start_disk or here != total:
            raise MalformedError("it is one part of a split zip archive")
        locator = end - _LOCATOR64.size
        if locator >= 0 and self._take(locator, 4, "the locator") == b"PK\6\7":
            end, total, length, start = self._directory_place64(locator, (total, length, start))
        if start + length != end:
            raise MalformedError("its directory is not where the end record says")
        if total > MAX_RECORDS:
            raise MalformedError(f"it has {total} records, the limit is {MAX_RECORDS}")
        return total, start, length

    def _directory_place64(
        self, locator: int, narrow: tuple[int, int, int]
    ) -> tuple[int, int, int, int]:
        _, disk, end, disks = _LOCATOR64.unpack(
            self._take(locator, _LOCATOR64.size, "the zip64 locator")
        )
        if end + _END64.size != locator:
            raise MalformedError("its zip64 end record is not where the locator says")
        magic, size, made_by, needed, *disk_numbers, here, total, length, start = _END64.unpack(
            self._take(end, _END64.size, "the zip64 end record")
        )
        wide = (total, length, start)
        full = (_FULL16, FULL32, FULL32)
        agrees = all(n in (w, f) for n, w, f in zip(narrow, wide, full, strict=True))
        frame = (magic, size, needed, disk, disks, here)
        if (
            frame != (b"PK\6\6", _END64.size - 12, 45, 0, 1, total)
            or any(disk_numbers)
            or made_by not in _WRITERS64
            or not agrees
        ):
            raise MalformedError("its zip64 end record is damaged")
        return end, total, length, start

    def _entries(self, count: int, start: int, length: int) -> list[Entry]:
        directory = self._take(start, length, "the directory")
        entries: list[Entry] = []
        writers: set[int] = set()
        position = 0
        for _ in range(count):
            entry, writer, position = parse_entry(directory, position)
            entries.append(entry)
            writers.add(writer)
        if position != length:
            raise MalformedError("its directory is longer than its records")
        if len(writers - {0}) > 1:
            raise MalformedError("its directory is damaged (records of several zip writers)")
        return entries

    def _checked(self, entries: list[Entry], end: int) -> dict[str, Record]:
        """Walk the records in file order: no gap, no overlap, headers agree, names are sane."""
        cursor, inflated = 0, 0
        found: dict[str, Record] = {}
        for entry in sorted(entries, key=lambda item: item.offset):
            name = checked_name(entry.raw_name)
            if name in found:
                raise MalformedError(f"two records are named '{shown(name)}'")
            if entry.offset != cursor:
                raise MalformedError(f"{shown(name)} overlaps a record or follows stray bytes")
            data = self._data_start(entry, name)
            cursor = self._record_end(entry, name, data)
            deflated = entry.method == DEFLATED
            inflated += max(entry.size, entry.stored) if deflated else 0
            if inflated > MAX_INFLATED:
                raise MalformedError(
                    f"its compressed records expand to more than {MAX_INFLATED >> 20} MiB"
                )
            found[name] = Record(name, data, entry.stored, entry.size, entry.crc, deflated)
        if cursor != end:
            raise MalformedError("stray bytes lie between its last record and its directory")
        return found

    def _data_start(self, entry: Entry, name: str) -> int:
        head = self._take(entry.offset, _LOCAL.size, f"the header of {shown(name)}")
        magic, version, flags, method, time, date, *sums, name_size, extra_size = _LOCAL.unpack(
            head
        )
        after = entry.offset + _LOCAL.size
        tail = self._take(after, name_size + extra_size, f"the header of {shown(name)}")
        expected = (b"PK\3\4", entry.version, entry.flags, entry.method, entry.stamp)
        blocks = extra_blocks(tail[name_size:], name)
        wide = blocks.get(ZIP64_BLOCK, b"")
        if flags & HAS_DESCRIPTOR:
            sums_agree = sums in ([0, 0, 0], [0, FULL32, FULL32]) or sums == _narrow(entry)
        elif sums[1:] == [FULL32, FULL32]:
            sums_agree = sums[0] == entry.crc and wide[:16] == struct.pack(
                "<2Q", entry.size, entry.stored
            )
        else:
            sums_agree = sums == _narrow(entry)
        if (
            (magic, version, flags, method, (time, date)) != expected
            or tail[:name_size] != entry.raw_name
            or not sums_agree
        ):
            raise MalformedError(f"the two headers of {shown(name)} disagree")
        start: int = after + name_size + extra_size
        return start

    def _record_end(self, entry: Entry, name: str, data: int) -> int:
        end = data + entry.stored
        if not entry.flags & HAS_DESCRIPTOR:
            return end
        for numbers in (_NARROW, _WIDE):
            if numbers is _NARROW and max(entry.stored, entry.size) > FULL32:
                continue
            expected = struct.pack("<4sI", b"PK\7\x08", entry.crc)
            expected += numbers.pack(entry.stored, entry.size)
            if self._take(end, len(expected), f"the end of {shown(name)}") == expected:
                return end + len(expected)
        raise MalformedError(f"the two descriptions of {shown(name)} disagree")


def _in_one_folder(records: dict[str, Record]) -> dict[str, Record]:
    """Name records as torch does, without the folder all are in; elsewhere keep the full names."""
    one_folder = len({name.partition("/")[0] for name in records}) == 1
    if not one_folder or not all("/" in name for name in records):
        return records
    return {name.partition("/")[2]: record for name, record in records.items()}


def _narrow(entry: Entry) -> list[int]:
    return [entry.crc, entry.stored, entry.size]
