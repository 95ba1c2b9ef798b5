"""Write a pack."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from builder.compilation.shared.packs.index import FILE_NAME, Index
from builder.compilation.shared.packs.reading import object_member
from builder.foundation.files import open_atomic


def write_pack(path: Path, index: Index, folders: Mapping[str, Path]) -> None:
    """Write a pack of the objects in these folders, by the name of their store.

    Equal objects give equal bytes.
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
                with (folders[store.name] / it.output).open("rb") as content:
                    pack.addfile(_member(object_member(store.name, it.output), it.bytes), content)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return a member that tells nothing of who wrote it, and when."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member
