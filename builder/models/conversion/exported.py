"""Models as they were exported: TorchScript is read from its source, and converted only if need be.

For what is said of a model, not for what is built: a runtime loads what the conversion makes.
"""

from dataclasses import replace
from pathlib import Path

from builder import RELEASE
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.libtorch.codegen import pinned_catalogue
from builder.models.conversion.torchscript import read_model
from builder.models.formats.identify import Kind, kind_of
from builder.models.reading.lite import is_flatbuffer, opened
from builder.vocabulary.models import Model


def read_exported(path: Path, host: Host, extension: Extension = NOTHING) -> Model:
    """Read a model as `read_model` does, without torch where that is certain.

    `path` and `sha256` of such a model are those of the `.pt`: there is no lite model of it yet.
    Raise `ModelError` and `UsageError` as `read_model` does.
    """
    found = _from_source(path, extension)
    if found is None:
        return read_model(path, host, extension=extension)
    return replace(found, own=extension.own.of(found.operators))


def _from_source(path: Path, extension: Extension) -> Model | None:
    """Return the model of a TorchScript archive; None if torch has to convert it, or read it."""
    if is_flatbuffer(path):
        return None
    with opened(path) as archive:
        if kind_of(archive.records) is not Kind.TORCHSCRIPT:
            return None
        # a `.ptl` needs none of it
        from builder.models.torchscript.reader import read_source  # noqa: PLC0415
        from builder.models.torchscript.signatures.overloads import read_overloads  # noqa: PLC0415
        from builder.models.torchscript.signatures.schemas import Schemas  # noqa: PLC0415

        known = read_overloads().followed_by(it.definition.name for it in extension.operators)
        schemas = Schemas(extension.extend(pinned_catalogue(RELEASE)), known)
        found = read_source(archive, schemas)
    return None if found is None or _calls_what_it_holds(found) else found


def _calls_what_it_holds(model: Model) -> bool:
    """Tell whether code calls modules through interfaces: only the conversion knows their code."""
    return any("INTERFACE_CALL" in method.opcodes for method in model.methods)
