"""Archives laid out as torch's own: uncompressed, each record at a multiple of 64 bytes."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from builder.models.formats.zip_headers import checked_name

_ALIGNMENT: Final = 64
_LOCAL_HEADER: Final = 30  # bytes before name and extra field
_BLOCK_HEADER: Final = 4
_FOLDER: Final = "model/"


def pack(records: Mapping[str, bytes | memoryview]) -> bytes:
    """Return the archive of these records; raise `MalformedError` for an impossible name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in records.items():
            raw = f"{_FOLDER}{name}".encode(errors="surrogateescape")
            entry = zipfile.ZipInfo(checked_name(raw))
            used = stream.tell() + _LOCAL_HEADER + len(raw) + _BLOCK_HEADER
            padding = -used % _ALIGNMENT
            entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            archive.writestr(entry, bytes(content))
    return stream.getvalue()
