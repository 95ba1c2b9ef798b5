"""Read a pack that anybody may have written: what is kept of it is what its index says, whole."""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, Self

from builder.compilation.shared.packs.index import (
    FILE_NAME,
    MOST_TEXT,
    Index,
    PackedObject,
    PackedStore,
    parse_index,
)
from builder.compilation.shared.packs.offers import folder_of
from builder.foundation.cache import note_use
from builder.foundation.files import locked, new_directory, open_atomic, sha256_file, write_atomic
from builder.vocabulary.errors import UsageError

_CHUNK: Final = 1 << 20
_MOST_PACK: Final = 1 << 36
_MOST_HEADER: Final = 1 << 16
"""Bytes of all objects together, and of a header that tarfile reads whole."""

_WHOLE: Final = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
_FILES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})


def object_member(store: str, output: str) -> str:
    """Return the path of an object inside a pack."""
    return f"objects/{store}/{output}"


def import_pack(path: Path, cache: Path, sha256: str | None) -> Index:
    """Keep the objects of a pack in the cache; return its index.

    Raise `UsageError` for a file that is not the one of that hash, is no pack, or holds anything
    but what its index tells: then nothing is kept.
    """
    if sha256 is not None and (found := sha256_file(path)) != sha256:
        raise UsageError(
            f"{path} is another file: its SHA-256 is {found}, and {sha256} was to be",
            hint="fetch it again from who told the hash",
        )
    with _reading(path) as pack, ExitStack() as stack:
        index = parse_index(_index_text(pack, path), str(path))
        if sum(it.bytes for store in index.stores for it in store.objects) > _MOST_PACK:
            raise tarfile.TarError("it holds too much")
        places = {it.name: folder_of(cache, it.name) / _name(index, it) for it in index.stores}
        for _, place in sorted(places.items()):  # in one order, whatever that of the pack is
            note_use(cache, place.parent)
            stack.enter_context(locked(place.parent / "lock", doing=f"importing {path}"))
        for store in index.stores:
            place = places[store.name]
            if _is_kept(store, place):
                _check_store(pack, store)
                continue
            folder = stack.enter_context(new_directory(place))
            alone = Index(index.tool, (store,))
            write_atomic(folder / FILE_NAME, alone.to_json())
            _keep_store(pack, store, folder)
        if pack.next() is not None:
            raise tarfile.TarError("it holds more than its index tells")
    return index


def _name(index: Index, store: PackedStore) -> str:
    return hashlib.sha256(Index(index.tool, (store,)).to_json().encode()).hexdigest()[:16]


def _index_text(pack: tarfile.TarFile, path: Path) -> str:
    member = pack.next()
    if member is None or member.name != FILE_NAME or not member.isreg():
        raise tarfile.TarError("it does not begin with an index")
    if member.size > MOST_TEXT:
        raise tarfile.TarError("its index is too large")
    content = pack.extractfile(member)
    assert content is not None, path
    return content.read().decode()


def _is_kept(store: PackedStore, place: Path) -> bool:
    """Whether all objects of a store are there, as far as that can be seen without reading them."""
    return (place / FILE_NAME).is_file() and all(
        _size(place / it.output) == it.bytes for it in store.objects
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _keep_store(pack: tarfile.TarFile, store: PackedStore, folder: Path) -> None:
    for packed, content in _contents(pack, store):
        with open_atomic(folder / packed.output) as stream:
            for chunk in _checked(packed, content, store):
                stream.write(chunk)


def _check_store(pack: tarfile.TarFile, store: PackedStore) -> None:
    for packed, content in _contents(pack, store):
        for _ in _checked(packed, content, store):
            pass


def _contents(
    pack: tarfile.TarFile, store: PackedStore
) -> Iterator[tuple[PackedObject, IO[bytes]]]:
    """Yield the objects of a store, which come next, as streams."""
    for packed in store.objects:
        member = pack.next()
        name = object_member(store.name, packed.output)
        if member is None or member.name != name or not member.isreg() or member.issparse():
            raise tarfile.TarError(f"{name} is not where its index tells")
        content = pack.extractfile(member)
        if content is None or member.size != packed.bytes:
            raise tarfile.TarError(f"{name} has another size than its index tells")
        yield packed, content


def _checked(packed: PackedObject, content: IO[bytes], store: PackedStore) -> Iterator[bytes]:
    """Yield the bytes of an object; raise `TarError` after those that are not of its hash."""
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != packed.sha256:
        name = object_member(store.name, packed.output)
        raise tarfile.TarError(f"{name} is not the object of its index")


_UNREADABLE: Final = (
    tarfile.TarError, EOFError, ValueError, OverflowError, TypeError, IndexError, RecursionError,
    zlib.error,
)  # fmt: skip
"""What tarfile raises on bytes that are no archive, found by feeding it damaged ones."""


class _Member(tarfile.TarInfo):
    """A member of a pack; what takes memory without bound is refused before it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read one block."""
        member = super().frombuf(buf, encoding, errors)
        if member.type not in _FILES | _WHOLE:
            raise tarfile.TarError("it holds more than files")
        if member.type in _WHOLE and member.size > _MOST_HEADER:
            raise tarfile.TarError("it has a header that is too large")
        return member

    def _refuse(self, *_: object) -> None:
        raise tarfile.TarError("it holds more than files")

    # what tarfile reads the maps of sparse files with
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse


@contextmanager
def _reading(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, mode="r|gz", tarinfo=_Member) as pack:
            yield pack
    except _UNREADABLE as error:
        raise UsageError(
            f"{path} is no pack of objects: {_reason(error)}",
            hint="name a file that `build-runtime cache export` wrote, or copy it again",
        ) from error


def _reason(error: Exception) -> str:
    ours = isinstance(error, tarfile.TarError | ValueError)
    return (str(error) if ours else "") or "it ends early, or is damaged"
