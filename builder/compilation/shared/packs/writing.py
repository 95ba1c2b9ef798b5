"""Write a pack."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from builder.compilation.shared.packs.index import FILE_NAME, Index, PackedObject
from builder.compilation.shared.packs.reading import object_member
from builder.foundation.files import open_atomic
from builder.vocabulary.errors import CompileError


def write_pack(path: Path, index: Index, folders: Mapping[str, Path]) -> None:
    """Write a pack of the objects in these folders, by the name of their store.

    Equal objects give equal bytes. Raise `CompileError` where one is not what the index tells.
    """
    with (
        open_atomic(path) as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as pack,
    ):
        text = index.to_json().encode()
        pack.addfile(_member(FILE_NAME, len(text)), io.BytesIO(text))
        for store in index.stores:
            for it in store.objects:
                _add(pack, object_member(store.name, it.output), it, folders[store.name])


class _Hashed:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read as many bytes, or what is left."""
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def _add(pack: tarfile.TarFile, name: str, packed: PackedObject, folder: Path) -> None:
    """Add an object; raise `CompileError` unless it is the one of the index.

    The stores are free by now: another build may have compiled it again.
    """
    path = folder / packed.output
    digest = ""
    with suppress(FileNotFoundError), path.open("rb") as stream:
        if path.stat().st_size == packed.bytes:
            hashed = _Hashed(stream)
            pack.addfile(_member(name, packed.bytes), hashed)
            digest = hashed.digest.hexdigest()
    if digest != packed.sha256:
        raise CompileError(
            f"{path} changed while it was packed",
            hint="repeat the command when no other build uses this cache",
        )


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return a member that tells nothing of who wrote it, and when."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member
