"""Saving a module as a lite model: rewritten for speed where that pays, else as it is.

A rewritten model is taken only if its file is not larger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.foundation.files import write_atomic
from builder.models.conversion.rewrites.freezing import RefusedError
from builder.models.conversion.rewrites.table import Rewritten, keep_packed, rewrite
from builder.models.formats.archive import Archive
from builder.models.formats.identify import MAX_PICKLE
from builder.models.formats.members import without_members
from builder.models.formats.packing import pack
from builder.models.formats.pickle_values import Call
from builder.models.formats.pickles import read_pickle
from builder.models.prepacked.archives import holds_contexts, wrapped
from builder.models.prepacked.contexts import may_gain
from builder.models.reading.lite import read_lite
from builder.vocabulary.models import Repair, Rewrite

_DATA: Final = "data.pkl"

Extra = Mapping[str, str | bytes]
"""Files that ride along, by name."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The module that was saved, with what was rewritten in it or why nothing was."""

    script: Any
    rewrites: tuple[Repair, ...] = ()
    notes: tuple[str, ...] = ()


def choose(
    source: Path,
    script: Any,  # noqa: ANN401  a torch.jit.ScriptModule
    wish: Rewrite,
    extra: Extra,
    destination: Path,
) -> Saved:
    """Save a module that was loaded from a file, in the form that runs faster; say which it is."""
    with source.open("rb") as stream:
        archive = Archive(source, stream)
        packed, names = holds_contexts(archive), _attributes(archive)
    plain = keep_packed(script, names) if packed else Rewritten(script, {})
    _save(plain, extra, destination, packed=packed)
    if wish is Rewrite.OFF or not may_gain(read_lite(destination).operators):
        return Saved(plain.script)
    faster = destination.with_suffix(".faster")
    try:
        made = rewrite(script, names)
        _save(made, extra, faster, packed=packed)
        _refuse_larger(faster, destination)
    except RefusedError as reason:
        return Saved(plain.script, notes=(f"not rewritten for speed: {reason}",))
    finally:
        kept = faster.read_bytes() if faster.exists() else b""
        faster.unlink(missing_ok=True)
    write_atomic(destination, kept)
    return Saved(made.script, made.changes)


def _refuse_larger(faster: Path, plain: Path) -> None:
    more = faster.stat().st_size - plain.stat().st_size
    if more > 0:
        message = f"its file would grow by {more} bytes"
        raise RefusedError(message)


def _attributes(archive: Archive) -> tuple[str, ...]:
    """Return the names of the attributes of the top module of a sound archive."""
    value = read_pickle(archive.read(_DATA, limit=MAX_PICKLE)).value
    state = value.state if isinstance(value, Call) else None
    return tuple(map(str, state)) if isinstance(state, dict) else ()


def _save(made: Rewritten, extra: Extra, destination: Path, *, packed: bool) -> None:
    """Write a lite model, with contexts where torch has tuples, and without enumerations.

    A model of packed weights may hold none: it makes them whenever it runs.
    """
    made.script._save_for_lite_interpreter(  # noqa: SLF001
        str(destination), _extra_files=dict(extra)
    )
    with destination.open("rb") as stream:
        archive = Archive(destination, stream)
        written = archive.read(_DATA, limit=MAX_PICKLE)
        data = without_members(written)
        if not (made.classes or packed or data != written):
            return
        records = {name: archive.read(name, limit=it.size) for name, it in archive.records.items()}
    records[_DATA] = data
    if made.classes or packed:
        records = wrapped(records, made.classes)
    write_atomic(destination, pack(records))
