"""`inspect --converted`: what models call as they were exported, and as they run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from builder import RELEASE
from builder.extensions.reading import NOTHING, Extension
from builder.foundation.process import Host
from builder.models.conversion.exported import read_exported
from builder.models.conversion.torchscript import reader
from builder.models.reading.lite import read_lite
from builder.vocabulary.models import Model, ModelFormat, Repair, Rewrite
from builder.vocabulary.operators import OperatorName


def conversion(
    paths: tuple[Path, ...], host: Host, rewrite: Rewrite, extension: Extension = NOTHING
) -> dict[str, Any]:
    """Return what the conversion changed in each model; raise `ModelError` for what is no model."""
    read = reader(rewrite, extension)
    return {
        "source": RELEASE,
        "models": [_describe(read(path, host), host, extension) for path in paths],
    }


def exported_operators(
    model: Model, host: Host, extension: Extension = NOTHING
) -> frozenset[OperatorName] | None:
    """Return what a model calls as it was exported; None where only torch could tell.

    What was neither repaired nor rewritten calls the same.
    """
    if not (model.repairs or model.rewrites):
        return model.operators
    if model.format is ModelFormat.LITE:
        return read_lite(model.source).operators
    found = read_exported(model.source, host, extension)
    return found.operators if found.path == model.source else None


def _describe(model: Model, host: Host, extension: Extension) -> dict[str, Any]:
    exported = exported_operators(model, host, extension)
    return {
        "name": model.name,
        "path": str(model.source),
        "format": model.format.value,
        "sha256": model.sha256,
        "repairs": [it.document() for it in model.repairs],
        "rewrites": [it.document() for it in model.rewrites],
        "notes": list(model.notes),
        "exported": None if exported is None else _sorted(exported),
        "converted": _sorted(model.operators),
    }


def _sorted(names: Iterable[OperatorName]) -> list[str]:
    return [str(name) for name in sorted(names)]


def to_text(document: dict[str, Any]) -> str:
    """Return what the conversion changed for people."""
    return "\n".join(line for model in document["models"] for line in _lines(model))


def _lines(model: dict[str, Any]) -> Iterable[str]:
    before, after = model["exported"], model["converted"]
    count = "unknown" if before is None else len(before)
    told = f"operators: {count} as exported, {len(after)} as it runs"
    yield f"{model['name']}: {model['format']}, {told}"
    yield from (f"  repaired: {Repair(**it)}" for it in model["repairs"])
    yield from (f"  rewritten: {Repair(**it)}" for it in model["rewrites"])
    yield from (f"  {it}" for it in model["notes"])
    if before is None:
        yield f"  it calls: {', '.join(after)}"
        return
    for what, names in (
        ("no longer called", set(before) - set(after)),
        ("called instead", set(after) - set(before)),
    ):
        if names:
            yield f"  {what}: {', '.join(sorted(names))}"
