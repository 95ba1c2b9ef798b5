"""Lite models that are written anew as an archive, which is kept and ships; then read as any other.

They are flatbuffers, and archives of another device.
"""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.foundation.cache import note_use
from builder.foundation.files import write_atomic
from builder.models.conversion.flatbuffer import to_records
from builder.models.conversion.lite_devices import moved
from builder.models.formats import places
from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.formats.identify import HOW_TO_REPAIR
from builder.models.formats.packing import pack
from builder.models.reading.lite import model_of, opened, read_lite, reading
from builder.vocabulary.errors import ModelError, UsageError
from builder.vocabulary.models import Model, ModelFormat, Repair

CONVERTER: Final = 2
"""Revision of the conversion; a change makes earlier results in the cache unused."""

MAX_FLATBUFFER: Final = 4 << 30  # bytes; offsets have 32 bits


def read_flatbuffer(path: Path, cache: Path) -> Model:
    """Read a lite model in flatbuffer form; its archive is kept in `cache`.

    Raise `ModelError` for a file that is damaged, `UsageError` where the cache cannot be written.
    """
    with reading(path) as stream:
        data = stream.read(MAX_FLATBUFFER)
    kept = _place(f"{hashlib.sha256(data).hexdigest()} flatbuffer", path, cache)
    model = _kept(kept, path) or _written(kept, convert(data, path), path)
    return replace(model, format=ModelFormat.FLATBUFFER)


def read_moved(model: Model, cache: Path) -> Model:
    """Return a lite model of another device as one of the CPU; its archive is kept in `cache`.

    Raise `ModelError` for a file that is damaged, `UsageError` where the cache cannot be written.
    """
    with opened(model.path) as archive:
        records, found = moved(archive)
    kept = _place(f"{model.sha256} {places.NAME}", model.path, cache)
    made = _kept(kept, model.path) or _written(kept, pack(records), model.path)
    repairs = tuple(Repair(places.NAME, what, found[what]) for what in sorted(found))
    return replace(made, format=model.format, repairs=repairs)


def _place(name: str, source: Path, cache: Path) -> Path:
    """Return where the archive of a model is kept: by its content, and by what is made of it."""
    key = hashlib.sha256(f"{name} {CONVERTER}".encode())
    kept = cache / "models" / key.hexdigest() / f"{source.stem}.ptl"
    note_use(cache, kept.parent)
    return kept


def _kept(kept: Path, source: Path) -> Model | None:
    """Return the model of the cache; None if there is none, or one that has gone bad."""
    try:
        return read_lite(kept, name=source.stem, source=source) if kept.is_file() else None
    except ModelError:
        return None


def _written(kept: Path, made: bytes, source: Path) -> Model:
    try:
        write_atomic(kept, made)
    except OSError as error:
        raise UsageError(
            f"cannot keep the converted model in {kept.parent}: {error.strerror}",
            hint="free some space, or choose another cache directory",
        ) from error
    return read_lite(kept, name=source.stem, source=source)


def convert(data: bytes, source: Path) -> bytes:
    """Return the archive of a flatbuffer; raise `ModelError` that names its file, `source`."""
    try:
        made = pack(to_records(data))
        # read before it is kept: what is wrong inside is told of the file the user has
        model_of(Archive(source, io.BytesIO(made)), source.stem)
    except MalformedError as fault:
        raise ModelError(
            f"cannot read {source}: {fault}", hint=fault.hint or HOW_TO_REPAIR
        ) from fault
    return made
