"""Lite-interpreter models: read the archive, believe nothing, return the `Model`."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.foreign_files import HEAD
from builder.models.formats.identify import (
    HOW_TO_REPAIR,
    IDENTIFIER,
    MAX_PICKLE,
    Kind,
    check_head,
    kind_of,
    refusal,
)
from builder.models.formats.pickle_values import SPARSE, Call, Pickle
from builder.models.formats.pickles import read_pickle
from builder.models.prepacked.contexts import check_context, layers_of
from builder.models.reading.bytecode import Bytecode, custom_classes, parse_bytecode
from builder.models.reading.debug import CALLS, HANDLES, SUFFIX, Lines, read_lines
from builder.models.reading.weights import (
    Stored,
    duplicates,
    named_storages,
    packed_weights,
    sizes,
)
from builder.vocabulary.dtypes import STORED
from builder.vocabulary.errors import ModelError, UsageError
from builder.vocabulary.models import Model, ModelFormat

_HEAD: Final = 16  # bytes that tell a flatbuffer
_OLDEST_OPERATORS: Final = 1
_NEWEST_OPERATORS: Final = 10
_EXPORT_OLDER: Final = (
    "export it with torch 2.13 or older: unlike the bytecode, an operator set cannot be lowered"
)
_MAX_VERSION: Final = 32  # bytes


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Yield the stream; every fault found meanwhile leaves as an error that names the file."""
    if not path.is_file():
        raise UsageError(
            f"no such model: {path}{' (it is a directory)' if path.is_dir() else ''}",
            hint="give the path of a TorchScript .pt, a torch.export .pt2 or a .ptl file",
        )
    try:
        with path.open("rb") as stream:
            yield stream
    except MalformedError as fault:
        raise ModelError(
            f"cannot read {path}: {fault}", hint=fault.hint or HOW_TO_REPAIR
        ) from fault
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}", hint="check the permissions"
        ) from error


def is_flatbuffer(path: Path) -> bool:
    """Tell whether a file is a lite model in flatbuffer form; raise `UsageError` without a file."""
    with reading(path) as stream:
        head = stream.read(_HEAD)
        return not head.startswith(b"PK") and IDENTIFIER in (head[4:8], head[8:12])


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Yield the archive; every fault in it leaves as a `ModelError` that names the file."""
    with reading(path) as stream:
        check_head(path, stream.read(HEAD))
        yield Archive(path, stream)


def read_lite(
    path: Path,
    *,
    name: str | None = None,
    source: Path | None = None,
    debug: Path | None = None,
) -> Model:
    """Read a `.ptl`; `source` is the file it was made of, `debug` where its lines are, if another.

    Raise `ModelError` for a file that is damaged or no lite model, `UsageError` without a file.
    """
    with opened(path) as archive:
        kind = kind_of(archive.records)
        if kind is Kind.TORCHSCRIPT:
            raise ModelError(
                f"cannot read {path}: it is TorchScript without bytecode, not a lite model",
                hint="save it with module._save_for_lite_interpreter(path)",
            )
        if kind is not Kind.LITE:
            raise refusal(path, archive, kind)
        return model_of(archive, name or path.stem, source, debug)


def read_pickles(archive: Archive, names: Iterator[str]) -> dict[str, Pickle]:
    """Evaluate the named pickles inertly; raise `MalformedError` that says which one is bad."""
    found: dict[str, Pickle] = {}
    for name in names:
        try:
            pickle = found[name] = read_pickle(archive.read(name, limit=MAX_PICKLE))
            for it in pickle.objects:
                check_context(it)
        except MalformedError as fault:
            raise MalformedError(f"{shown(name)}: {fault}", hint=fault.hint) from fault
    return found


def operator_version(archive: Archive) -> int:
    """Return the version of the operator set; raise `MalformedError` when we cannot run it."""
    record = ".data/version" if ".data/version" in archive.records else "version"
    text = archive.read(record, limit=_MAX_VERSION).decode(errors="replace").strip()
    version = int(text) if re.fullmatch("[0-9]{1,9}", text) else -1
    if not _OLDEST_OPERATORS <= version <= _NEWEST_OPERATORS:
        raise MalformedError(
            f"it was written for operator version {shown(text)},"
            f" the runtime reads {_OLDEST_OPERATORS} to {_NEWEST_OPERATORS}",
            hint=_EXPORT_OLDER if version > _NEWEST_OPERATORS else "",
        )
    return version


def check_storages(archive: Archive, found: Pickle, folder: str) -> None:
    """Raise `MalformedError` unless every tensor of a pickle has its bytes in the archive."""
    for storage in found.storages:
        if storage.dtype not in STORED or storage.location == "meta" or not storage.count:
            continue
        record = archive.records.get(folder + storage.key)
        if record is None or record.size < storage.count * STORED[storage.dtype].size:
            raise MalformedError(
                f"the tensor data {shown(folder + storage.key)} is missing or too short"
            )


def model_of(
    archive: Archive, name: str, source: Path | None = None, debug: Path | None = None
) -> Model:
    """Return what an archive says; raise `MalformedError` unless it is a sound lite model."""
    archive.check_contents()
    if "byteorder" in archive.records and archive.read("byteorder", limit=64) != b"little":
        raise MalformedError("its tensors are big-endian; every supported device is little-endian")
    wanted = ("bytecode.pkl", "data.pkl", "constants.pkl")
    pickles = read_pickles(archive, (item for item in wanted if item in archive.records))
    # Version 4 kept the tensors of bytecode apart, later ones share those of the code.
    own_folder = any(record.startswith("bytecode/") for record in archive.records)
    folder = "bytecode/" if own_folder else "constants/"
    check_storages(archive, pickles["bytecode.pkl"], folder)
    check_storages(archive, pickles["data.pkl"], "data/")
    lines = _debug_lines(debug) if debug is not None else _lines(archive)
    bytecode = parse_bytecode(pickles["bytecode.pkl"].value, lines or {})
    content = Content(pickles, folder, bytecode, lines is not None)
    return described(archive, content, name, source)


@dataclass(frozen=True, slots=True)
class Content:
    """What an archive holds: its pickles, the folder of the tensors in its code, and the code.

    The storages of `bytecode.pkl` are those of the tensors in the code. `lines`: whether it tells
    from which lines of source the code comes.
    """

    pickles: Mapping[str, Pickle]
    folder: str
    bytecode: Bytecode
    lines: bool


def described(archive: Archive, content: Content, name: str, source: Path | None) -> Model:
    """Return the model that an archive holds."""
    pickles, folder, bytecode = content.pickles, content.folder, content.bytecode
    classes = {
        custom
        for found in pickles.values()
        for item in found.globals
        for custom in custom_classes(f"{item.module}.{item.name}")
    }
    stored = _stored(archive, pickles["data.pkl"], pickles["bytecode.pkl"], folder)
    return Model(
        name=name,
        source=source or archive.path,
        path=archive.path,
        sha256=archive.sha256(),
        format=ModelFormat.LITE if source is None else ModelFormat.TORCHSCRIPT,
        bytecode_version=bytecode.version,
        operator_version=operator_version(archive),
        methods=bytecode.methods,
        classes=bytecode.classes | classes,
        dtypes=frozenset(item.dtype for found in pickles.values() for item in found.storages),
        bundled_inputs=any(
            method.name.endswith(".get_all_bundled_inputs") for method in bytecode.methods
        ),
        root=_root(pickles["data.pkl"].value),
        types=bytecode.types,
        argument_dtypes=bytecode.dtypes,
        weights=sizes(stored),
        duplicates=duplicates(stored, archive.digest),
        debug_info=content.lines,
        devices=frozenset(device for found in pickles.values() for device in found.devices),
        packed=packed_weights(pickles["data.pkl"].value),
        layers=layers_of(item for found in pickles.values() for item in found.objects),
        sparse=any(item.name == SPARSE for found in pickles.values() for item in found.globals),
    )


def _root(value: object) -> str:
    """Return the class of the top module; nothing when the pickle holds no object."""
    return f"{value.function.module}.{value.function.name}" if isinstance(value, Call) else ""


def _lines(archive: Archive) -> Lines | None:
    """Return the source lines of the instructions; None for a model without debug information."""
    if HANDLES not in archive.records or CALLS not in archive.records:
        return None
    names = [name for name in archive.records if name.endswith(SUFFIX)]
    found = read_pickles(archive, iter((HANDLES, CALLS, *names)))
    places = (found[name].value for name in names)
    return read_lines(found[HANDLES].value, found[CALLS].value, places)


def _debug_lines(path: Path) -> Lines | None:
    """Return the lines out of an archive of their own; None when it is gone or has gone bad."""
    try:
        with opened(path) as archive:
            return _lines(archive)
    except (ModelError, UsageError):
        return None


def _stored(archive: Archive, data: Pickle, code: Pickle, folder: str) -> tuple[Stored, ...]:
    """Return every storage in use, once, under the name of the first tensor that has it."""
    named = [(name, f"data/{it.key}", it.dtype) for name, it in named_storages(data.value)]
    named += [(folder + it.key, folder + it.key, it.dtype) for it in code.storages]
    found: dict[str, Stored] = {}
    for name, place, dtype in named:
        record = archive.records.get(place)
        if record is not None and place not in found:
            found[place] = Stored(name, place, dtype, record.size, record.crc)
    return tuple(found.values())
