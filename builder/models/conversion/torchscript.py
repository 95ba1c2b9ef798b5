"""TorchScript `.pt` files: vet them, convert them in a child process, keep the result.

An exported program (`.pt2`) becomes such a file first.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from builder.extensions.reading import NOTHING, Extension
from builder.foundation.cache import note_use
from builder.foundation.files import check_writable, copy_atomic, sha256_file
from builder.foundation.process import Command, Completed, Host
from builder.foundation.resources import IMPORT_PATH
from builder.models.conversion.record import read_changes
from builder.models.conversion.refusal import explained, refuse_extensions, remember, remembered
from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.formats.identify import Kind, has_source, kind_of, refusal
from builder.models.formats.places import is_elsewhere
from builder.models.prepacked.contexts import may_gain
from builder.models.reading.lite import (
    check_storages,
    is_flatbuffer,
    opened,
    operator_version,
    read_lite,
    read_pickles,
)
from builder.vocabulary.errors import ModelError, ToolchainError, UsageError
from builder.vocabulary.fingerprints import fingerprint
from builder.vocabulary.models import Model, ModelFormat, OwnOperators, Rewrite

CONVERTER: Final = 9
"""Revision of the conversion; a change makes earlier results in the cache unused."""

_TIMEOUT: Final = 900.0  # seconds; the largest models take one minute
_REFUSED: Final = 1  # the child's documented status: torch's message is on stdout
_EXTRA: Final = "extra/"
_NO_SOURCE: Final = "it carries no source, and bytecode cannot be rewritten"


@dataclass(frozen=True, slots=True)
class _Way:
    """How a model is converted: as a setting says, and told of the operators it may call."""

    rewrite: Rewrite
    extension: Extension

    @property
    def own(self) -> OwnOperators:
        """What the converter is told; a conversion runs none of them."""
        return self.extension.own.known


def read_model(
    path: Path, host: Host, rewrite: Rewrite = Rewrite.OFF, extension: Extension = NOTHING
) -> Model:
    """Read a TorchScript `.pt`, a torch.export `.pt2` or a lite `.ptl`, as it will run.

    What is not lite is converted, once, into the cache; so is a lite model in flatbuffer form, and
    one that is rewritten for speed. It may call the operators of an extension. Raise `ModelError`
    for a file that is damaged or no model, `UsageError` without a file.
    """
    model = _read_any(path, host, _Way(rewrite, extension))
    return replace(model, own=extension.own.of(model.operators))


def _read_any(path: Path, host: Host, way: _Way) -> Model:
    if is_flatbuffer(path):
        from builder.models.conversion.repack import read_flatbuffer  # noqa: PLC0415  rarely needed

        return _left_alone(read_flatbuffer(path, host.cache), way.rewrite, _NO_SOURCE)
    with opened(path) as archive:
        kind = kind_of(archive.records)
        if kind is Kind.LITE:
            return _read_lite(archive, host, way)
        if kind is Kind.EXPORTED:
            return _read_exported(archive, host, way)
        if kind is not Kind.TORCHSCRIPT:
            raise refusal(path, archive, kind)
        return _converted(archive, host, way)


def reader(rewrite: Rewrite, extension: Extension = NOTHING) -> Callable[[Path, Host], Model]:
    """Return how models are read that are rewritten as a setting says."""
    return partial(read_model, rewrite=rewrite, extension=extension)


def _converted(archive: Archive, host: Host, way: _Way) -> Model:
    """Return what the source in an archive is converted to."""
    path = archive.path
    kept = _place(path, host.cache, way)
    note_use(host.cache, kept.parent)
    if (model := _kept(kept, path)) is not None:
        return model
    if not (refused := remembered(kept.parent)):
        extra = _vet(archive)
        refuse_extensions(path, archive, way.extension)
        check_writable(kept.parent, option="--cache-dir")
        refused = _convert(archive, kept, extra, host, way)
    if refused:
        raise explained(path, archive, refused, way.extension)
    return _read(kept, path)


def _read_lite(archive: Archive, host: Host, way: _Way) -> Model:
    """Read a lite model. Only its source, if it carries it, can be rewritten."""
    model, rewrite = read_lite(archive.path), way.rewrite
    if rewrite is Rewrite.OFF or not may_gain(model.operators):
        return _on_cpu(model, host)
    if any(map(is_elsewhere, model.devices)):
        return _left_alone(_on_cpu(model, host), rewrite, "it was exported on another device")
    if not has_source(archive.records):
        return _left_alone(model, rewrite, _NO_SOURCE)
    made = _of_source(archive, host, way)
    if isinstance(made, str):
        return _left_alone(model, rewrite, made)
    if not made.rewrites:
        return replace(model, notes=made.notes)
    return replace(made, format=ModelFormat.LITE)


def _of_source(archive: Archive, host: Host, way: _Way) -> Model | str:
    """Return what the source of a lite model is converted to, or why that cannot be."""
    try:
        return _converted(archive, host, way)
    except ToolchainError:
        return "torch is not installed"
    except MalformedError as fault:
        return f"its source cannot be read: {fault}"
    except ModelError as error:
        return f"its source cannot be read: {error.message.splitlines()[-1].strip()}"


def _left_alone(model: Model, rewrite: Rewrite, reason: str) -> Model:
    """Return a model as it is, with a note that says why if it could have gained something."""
    if rewrite is Rewrite.OFF or not may_gain(model.operators):
        return model
    return replace(model, notes=(*model.notes, f"not rewritten for speed: {reason}"))


def _on_cpu(model: Model, host: Host) -> Model:
    if not any(map(is_elsewhere, model.devices)):
        return model
    from builder.models.conversion.repack import read_moved  # noqa: PLC0415  rarely needed

    return read_moved(model, host.cache)


def _read_exported(archive: Archive, host: Host, way: _Way) -> Model:
    """Read an exported program as the TorchScript that it is written as."""
    from builder.models.exported.scripting import script  # noqa: PLC0415  seldom needed

    path = archive.path
    scripted = script(archive, _torch_version(), host, way.extension.own)
    return replace(
        _read_any(scripted.path, host, way),
        name=path.stem,
        source=path,
        format=ModelFormat.EXPORTED,
        call=scripted.call,
        examples=scripted.examples,
    )


def _place(path: Path, cache: Path, way: _Way) -> Path:
    """Return where the converted model is kept: by content of the file, converter and setting."""
    words = [sha256_file(path), _torch_version(), str(CONVERTER), str(way.rewrite)]
    if way.own != OwnOperators():
        words.append(fingerprint(way.own))
    key = hashlib.sha256(" ".join(words).encode())
    return cache / "models" / key.hexdigest() / f"{path.stem}.ptl"


def _lines_of(kept: Path) -> Path:
    """Return where the debug information of a converted model is kept."""
    return kept.with_suffix(".lines")


def _changes_of(kept: Path) -> Path:
    """Return where it is kept what the conversion changed, if anything."""
    return kept.with_suffix(".changes")


def _read(kept: Path, source: Path) -> Model:
    model = read_lite(kept, name=source.stem, source=source, debug=_lines_of(kept))
    changes = read_changes(_changes_of(kept))
    return replace(model, repairs=changes.repairs, rewrites=changes.rewrites, notes=changes.notes)


def _kept(kept: Path, source: Path) -> Model | None:
    """Return the model of the cache; None if there is none, or one that has gone bad."""
    if not kept.is_file():
        return None
    try:
        return _read(kept, source)
    except (ModelError, ValueError):
        return None


def _torch_version() -> str:
    from importlib import metadata  # noqa: PLC0415  slow to load, and not needed for a .ptl

    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError as error:
        raise ToolchainError(
            "a TorchScript .pt or a .pt2 can only be read with torch, which is not installed",
            hint="install torch, or give the model as .ptl",
        ) from error


def _vet(archive: Archive) -> tuple[str, ...]:
    """Check all that torch's own reader would believe; return the names of the extra files."""
    archive.check_contents()
    operator_version(archive)
    names = (name for name in archive.records if name.endswith((".pkl", ".debug_pkl")))
    pickles = read_pickles(archive, names)
    check_storages(archive, pickles["data.pkl"], "data/")
    check_storages(archive, pickles["constants.pkl"], "constants/")
    return tuple(
        sorted(name.removeprefix(_EXTRA) for name in archive.records if name.startswith(_EXTRA))
    )


def _convert(
    archive: Archive, destination: Path, extra: tuple[str, ...], host: Host, way: _Way
) -> str:
    """Run the converter and put its result in place, in one step; return why torch refuses it.

    Raise `ModelError` for a converter that died.
    """
    with tempfile.TemporaryDirectory(prefix="build-runtime-") as scratch:
        # Torch names the folder inside the archive after the file: a fixed name makes the bytes
        # depend on the model alone.
        made = Path(scratch) / "model.ptl"
        lines, changes = made.with_suffix(".lines"), made.with_suffix(".changes")
        search = os.pathsep.join(filter(None, (str(IMPORT_PATH), host.env.get("PYTHONPATH"))))
        module = "builder.models.conversion.convert"
        command = Command(
            (
                sys.executable,
                "-P",
                "-m",
                module,
                str(archive.path.resolve()),
                str(made),
                str(lines),
                str(changes),
                way.rewrite,
                json.dumps(way.own.document()),
                *extra,
            ),
            cwd=Path(scratch),
            env=host.child_env(PYTHONPATH=search),
        )
        completed = host.runner.capture(command, timeout=_TIMEOUT)
        if completed.status == _REFUSED and completed.stdout.strip():
            remember(destination.parent, completed.stdout)
            return completed.stdout
        if completed.status != 0 or not made.is_file():
            raise ModelError(
                f"torch cannot convert {archive.path} to a lite model\n    {_ended(completed)}",
                hint="run the same command again; if it ends in the same way, please report it",
            )
        try:
            for told, place in (
                (lines, _lines_of(destination)),
                (changes, _changes_of(destination)),
            ):
                if told.is_file():
                    copy_atomic(told, place)
            copy_atomic(made, destination)
        except OSError as error:
            raise UsageError(
                f"cannot keep the converted model in {destination.parent}: {error.strerror}",
                hint="free some space, or choose another cache directory",
            ) from error
    return ""


def _ended(completed: Completed) -> str:
    """Return how a child ended that said nothing, and the last words of what ran in it."""
    noise = [line.rstrip() for line in completed.stderr.splitlines() if line.strip()]
    how = (
        f"the converter was ended by signal {-completed.status}"
        if completed.status < 0
        else f"the converter ended with status {completed.status}"
    )
    return "\n    ".join((how, *noise[-1:]))
