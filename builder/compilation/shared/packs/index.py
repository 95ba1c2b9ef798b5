"""The index of a pack: which objects are in it, and how each was made.

Note [Packs]: a pack holds objects of stores. The name of a store is the hash of all that its
objects share: source, toolchain, profile, flags. What else decides an object is its command, which
names no path of a machine, and the files of ours that it reads: both stand in the index, and are
compared before the object is taken. So an object is only taken where compiling would make the same.
Nothing in a pack is run, and each file is named by a path of which nothing is believed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import ObjectsPlan

VERSION: Final = 1
FILE_NAME: Final = "index.json"
MOST_STORES: Final = 64
MOST_OBJECTS: Final = 50_000
MOST_BYTES: Final = 1 << 28
"""How many stores and objects a pack may hold, and how large an object may be."""

MOST_TEXT: Final = 1 << 25
_MOST_VALUES: Final = 1_000_000
"""Bytes of an index, and values in it. All objects of a store take 4 MB and 20,000 values."""

_MOST_PATH: Final = 1000
_MOST_NAME: Final = 200
"""Bytes of a path, and of a name in it: file systems have room for these."""

_SHA256: Final = re.compile("[0-9a-f]{64}")
_PATH: Final = re.compile(r"[\w+@.,=()-]+(?:/[\w+@.,=()-]+)*", re.ASCII)
_STORE: Final = re.compile(r"[a-z0-9][\w-]{0,80}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """What the objects of a store were made of and by, for people; the store's name decides."""

    target: str
    source: str
    compiler: str
    dtypes: tuple[str, ...]
    backends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackedObject:
    """An object by its name in the store; `inputs` are hashes of the files that it reads."""

    output: str
    sha256: str
    bytes: int
    command: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PackedStore:
    """The objects of one store, sorted by name."""

    name: str
    made: Made
    objects: tuple[PackedObject, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """All that a pack holds, sorted by the names of stores. `tool` is the version that wrote it."""

    tool: str
    stores: tuple[PackedStore, ...]

    def to_json(self) -> str:
        """Write it; equal indexes give equal text."""
        document = {"version": VERSION, **asdict(self)}
        return json.dumps(document, indent=0, sort_keys=True) + "\n"


def made_of(objects: ObjectsPlan) -> Made:
    """Return what people are told of a store."""
    compiler, source = objects.toolchain.compiler, objects.source
    return Made(
        target=str(objects.toolchain.target),
        source=f"PyTorch {source.version} ({source.digest[:12]})",
        compiler=f"{compiler.name} {compiler.version} (clang {objects.toolchain.clang})",
        dtypes=tuple(sorted(objects.profile.dtypes)),
        backends=objects.profile.backends,
    )


def parse_index(text: str, where: str) -> Index:
    """Read an index that anybody may have written; raise `UsageError` for what is none."""
    try:
        if len(text) > MOST_TEXT or sum(map(text.count, "[{,")) > _MOST_VALUES:
            raise ValueError("its index is too large")  # noqa: TRY301  as all that is wrong with it
        document = json.loads(text)
        version = document["version"]
        if version != VERSION:
            raise UsageError(
                f"{where} is a pack of version {version!r:.80}, and this tool reads {VERSION}",
                hint="make it anew: build-runtime cache export",
            )
        if len(document["stores"]) > MOST_STORES:
            raise ValueError("it names too many stores")  # noqa: TRY301  as above
        stores = tuple(map(_store, document["stores"]))
        if sum(len(it.objects) for it in stores) > MOST_OBJECTS:
            raise ValueError("it names too many objects")  # noqa: TRY301  as above
        if len({it.name for it in stores}) != len(stores):
            raise ValueError("it names a store twice")  # noqa: TRY301  as above
        return Index(_text(document["tool"]), stores)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{where} is no pack of objects: {_reason(error)}",
            hint="name a file that `build-runtime cache export` wrote",
        ) from error


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "its index cannot be read"


def _store(document: Mapping[str, Any]) -> PackedStore:
    if not _STORE.fullmatch(name := _text(document["name"])):
        raise ValueError("a store has a name that none has")
    objects = tuple(_objects(document["objects"]))
    if len({it.output for it in objects}) != len(objects):
        raise ValueError("it names an object twice")
    _refuse_in_the_way(it.output for it in objects)
    made = document["made"]
    target, source, compiler = (_text(made[it]) for it in ("target", "source", "compiler"))
    dtypes, backends = (tuple(map(_text, made[it])) for it in ("dtypes", "backends"))
    return PackedStore(name, Made(target, source, compiler, dtypes, backends), objects)


def _objects(documents: list[Mapping[str, Any]]) -> Iterator[PackedObject]:
    for it in documents:
        size = it["bytes"]
        if type(size) is not int or not 0 < size <= MOST_BYTES:
            raise ValueError("an object has a size that none has")
        inputs = {_path(name): _digest(digest) for name, digest in it["inputs"].items()}
        digest, command = _digest(it["sha256"]), _text(it["command"])
        yield PackedObject(_path(it["output"]), digest, size, command, inputs)


def _refuse_in_the_way(outputs: Iterable[str]) -> None:
    """Raise `ValueError` for objects that cannot lie in one folder, beside the index."""
    names = frozenset(outputs)
    for output in names:
        folders = map(str, PurePosixPath(output).parents)
        first = output.casefold().partition("/")[0]
        if first == FILE_NAME or not names.isdisjoint(folders):
            raise ValueError("an object is where another file has to be")


def _text(value: object) -> str:
    """Return a text that a terminal can show."""
    if not isinstance(value, str):
        raise TypeError
    if not value.isprintable():
        raise ValueError("a text has characters that none has")
    return value


def _digest(value: object) -> str:
    if not _SHA256.fullmatch(text := _text(value)):
        raise ValueError("a hash is none")
    return text


def _path(value: object) -> str:
    """Return a path that leads into the folder it is named from, and has room there."""
    if not isinstance(value, str):
        raise TypeError
    names = value.split("/")
    if not _PATH.fullmatch(value) or {".", ".."} & {*names}:
        raise ValueError(f"it names a path that leads elsewhere: {value[:80]!r}")
    if len(value) > _MOST_PATH or max(map(len, names)) > _MOST_NAME:
        raise ValueError(f"it names a path that is too long: {value[:80]!r}")
    return value


_TOLD: Final = ("target", "source", "compiler", "dtypes", "backends")


def differences(index: Index, stores: Mapping[str, Made]) -> tuple[str, ...]:
    """Return in what a pack differs from these stores, by name; nothing if it has any of them."""
    if any(it.name in stores for it in index.stores):
        return ()
    found = []
    for name in _TOLD:
        theirs = {_shown(asdict(it.made)[name]) for it in index.stores}
        ours = {_shown(asdict(it)[name]) for it in stores.values()}
        if theirs.isdisjoint(ours):
            told = " and ".join(sorted(theirs)) or "none"
            found.append(f"{name}: {told}, here {' and '.join(sorted(ours))}")
    return tuple(found) or ("flags, or code that is generated",)


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "any"
