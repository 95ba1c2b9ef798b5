"""What kind of file it is, by content; and for files that are no model, what to do instead."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError, shown
from builder.models.formats.foreign_files import HOW_TO_EXPORT, foreign_archive, foreign_file
from builder.models.formats.pickle_values import Call, Global, Pickle, Tensor, any_global
from builder.models.formats.pickles import read_pickle
from builder.vocabulary.errors import ModelError

HOW_TO_REPAIR: Final = "copy the file again, or export the model again"
MAX_PICKLE: Final = 256 << 20  # bytes


class Kind(StrEnum):
    """The zip archives torch writes."""

    LITE = "lite"
    TORCHSCRIPT = "torchscript"
    EXPORTED = "exported"
    PACKAGE = "package"
    LEGACY = "legacy"
    PICKLED = "pickled"
    OTHER = "other"


_MARKS: Final = {
    "serialized_exported_program.json": Kind.EXPORTED,
    "archive_format": Kind.EXPORTED,
    "model.json": Kind.LEGACY,
    ".data/extern_modules": Kind.PACKAGE,
    "data.pkl": Kind.PICKLED,
}
"""Records that tell what an archive is that is no TorchScript model we read; the first counts."""

IDENTIFIER: Final = b"PTMF"


def check_head(path: Path, head: bytes) -> None:
    """Raise `ModelError` unless the first bytes are those of a zip archive with content."""
    if not head:
        raise ModelError(f"cannot read {path}: the file is empty", hint=HOW_TO_REPAIR)
    if head.startswith(b"PK\3\4"):
        return
    if IDENTIFIER in (head[4:8], head[8:12]):
        raise ModelError(
            f"cannot read {path}: it is a lite model in flatbuffer form, not an archive",
            hint="`build-runtime inspect` and builds read it; they make an archive of it",
        )
    if (told := foreign_file(head)) is not None:
        raise ModelError(
            f"cannot read {path}: it is {told.what}, not a TorchScript model", hint=told.do
        )
    raise ModelError(
        f"cannot read {path}: it is not a zip archive, so not a TorchScript model",
        hint=f"check the path; {HOW_TO_EXPORT}",
    )


def kind_of(names: Mapping[str, object]) -> Kind:
    """Tell what an archive is by the names of its records."""
    if "bytecode.pkl" in names and "data.pkl" in names:
        return Kind.LITE
    if "data.pkl" in names and has_source(names):
        return Kind.TORCHSCRIPT
    return next((kind for mark, kind in _MARKS.items() if mark in names), Kind.OTHER)


def has_source(names: Mapping[str, object]) -> bool:
    """Tell whether an archive with these records has TorchScript source, as lite models may."""
    return "constants.pkl" in names and _any_under(names, "code/")


def refusal(path: Path, archive: Archive, kind: Kind) -> ModelError:
    """Return the error for an archive that is not a TorchScript model."""
    match kind:
        case Kind.EXPORTED:
            what = "a torch.export program (.pt2), not TorchScript"
            hint = f"script or trace the original module instead; {HOW_TO_EXPORT}"
        case Kind.PACKAGE:
            what = "a torch.package archive, not TorchScript"
            hint = f"load the module with torch.package.PackageImporter; then {HOW_TO_EXPORT}"
        case Kind.LEGACY:
            what = "TorchScript of torch 1.0 to 1.2 (model.json), which torch reads up to 1.10 only"
            hint = "save it again with torch 1.3 to 1.10: torch.jit.load(path).save(new_path)"
        case Kind.PICKLED:
            return _refused_pickle(path, archive)
        case _ if (told := foreign_archive(archive.records)) is not None:
            what, hint = f"{told.what}, not TorchScript", told.do
        case _:
            what = f"a zip archive, but not a TorchScript model (it has {_sample(archive)})"
            hint = HOW_TO_EXPORT
    return ModelError(f"cannot read {path}: it is {what}", hint=hint)


def _any_under(names: Mapping[str, object], folder: str) -> bool:
    return any(name.startswith(folder) for name in names)


def _sample(archive: Archive) -> str:
    names = sorted(archive.records)[:3]
    rest = len(archive.records) - len(names)
    return ", ".join(map(shown, names)) + (f" and {rest} more" if rest else "") or "no records"


def _refused_pickle(path: Path, archive: Archive) -> ModelError:
    """Say what `torch.save` wrote, looking at the pickle without believing it."""
    hint = f"load it into its Python module; then {HOW_TO_EXPORT}"
    try:
        data = archive.read("data.pkl", limit=MAX_PICKLE)
        found = read_pickle(data, allowed=any_global)
    except MalformedError as fault:
        what = f"what torch.save wrote of a Python object, not TorchScript (data.pkl: {fault})"
    else:
        what = f"{_describe(found)}, not TorchScript{_suspicious(found)}"
        if _is_tensor(found.value) or _are_arguments(found.value):
            hint = "it is no model: give it as --input"
        elif isinstance(found.value, Call):
            hint = f"load it with torch.load where its class is at hand; then {HOW_TO_EXPORT}"
    return ModelError(f"cannot read {path}: it is {what}", hint=hint)


def _describe(found: Pickle) -> str:
    match found.value:
        case item if _is_tensor(item):
            return "a single tensor written by torch.save"
        case dict() as items if items and all(_is_tensor(item) for item in items.values()):
            return f"a state_dict written by torch.save ({len(items)} tensors without their code)"
        case dict() as items:
            keys = ", ".join(shown(str(key)) for key in list(items)[:5])
            return f"a checkpoint written by torch.save (a dictionary with {keys or 'nothing'})"
        case items if _are_arguments(items):
            return "arguments of a call written by torch.save (tensors without any code)"
        case Call(function=function):
            return f"a pickled Python object of class {function} written by torch.save"
        case _:
            return "a Python object written by torch.save"


def _is_tensor(item: object) -> bool:
    match item:
        case Tensor():
            return True
        case Call(function=Global(module="torch._utils", name=name)):
            return name.startswith("_rebuild_")
        case _:
            return False


def _are_arguments(value: object) -> bool:
    return isinstance(value, tuple | list) and any(map(_is_tensor, value))


def _suspicious(found: Pickle) -> str:
    """Name what a loader of this pickle would import from outside torch."""
    harmless = ("torch", "collections", "numpy")
    names = sorted(
        str(item) for item in found.globals if item.module.partition(".")[0] not in harmless
    )
    return f"; loading it would import {', '.join(names[:5])}" if names else ""
