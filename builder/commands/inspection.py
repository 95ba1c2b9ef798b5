"""`inspect` and `report`: what models ask for, and where the bytes of an artifact went."""

import lzma
import tarfile
import zlib
from pathlib import Path
from typing import Any, Final

from builder.errors import UsageError
from builder.introspect import read_model
from builder.model import Model
from builder.process import Host
from builder.report import from_json, to_json
from builder.report import to_text as report_text
from builder.selection import select

_REPORT: Final = "share/build_runtime/size-report.json"
_LARGEST_REPORT: Final = 50_000_000
_DAMAGED: Final = (
    tarfile.TarError, KeyError, OSError, EOFError, ValueError, lzma.LZMAError, zlib.error,
)  # fmt: skip
"""What reading a compressed archive may raise when its bytes are not what they were."""


def inspect(paths: tuple[Path, ...], host: Host) -> dict[str, Any]:
    """Return what the models call, and which model calls what."""
    models = tuple(read_model(path, host) for path in paths)
    return {
        "version": 1,
        "models": [_describe(model) for model in models],
        "operators": [
            {"name": str(it.name), "models": list(it.models)} for it in select(models).operators
        ],
    }


def _describe(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.source),
        "format": model.format.value,
        "sha256": model.sha256,
        "bytecode_version": model.bytecode_version,
        "operator_version": model.operator_version,
        "bundled_inputs": model.bundled_inputs,
        "dtypes": sorted(model.dtypes),
        "classes": sorted(model.classes),
        "methods": [
            {
                "name": method.name,
                "operators": [
                    {"name": str(use.name), "arguments": use.arguments} for use in method.operators
                ],
                "opcodes": sorted(method.opcodes),
            }
            for method in model.methods
        ],
    }


def to_text(document: dict[str, Any]) -> str:
    """Return an inspection for people."""
    lines: list[str] = []
    for model in document["models"]:
        lines.append(
            f"{model['name']}: {model['format']}, bytecode {model['bytecode_version']},"
            f" operator set {model['operator_version']},"
            f" dtypes {', '.join(model['dtypes']) or 'none'}"
        )
        if model["classes"]:
            lines.append(f"  custom classes: {', '.join(model['classes'])}")
    lines += ["", f"{len(document['operators'])} operators"]
    lines += [f"  {it['name']:45} {', '.join(it['models'])}" for it in document["operators"]]
    return "\n".join(lines)


def size_report(artifact: Path, form: str) -> str:
    """Return the size report of an archive or an unpacked one, as `text` or `json`."""
    report = from_json(_read_report(artifact))
    return to_json(report) if form == "json" else report_text(report)


def _read_report(artifact: Path) -> str:
    hint = "name an archive or a folder that `build-runtime MODEL --abi …` wrote"
    if artifact.is_dir() and (artifact / _REPORT).is_file():
        return (artifact / _REPORT).read_text(encoding="utf-8")
    if not artifact.exists():
        raise UsageError(f"no such artifact: {artifact}", hint=hint)
    if artifact.is_file():
        try:
            with tarfile.open(artifact) as archive:
                member = archive.getmember(_REPORT)
                stream = archive.extractfile(member)
                if stream is not None and member.size <= _LARGEST_REPORT:
                    return stream.read().decode("utf-8")
        except _DAMAGED as error:
            raise UsageError(f"{artifact} is no artifact of build-runtime", hint=hint) from error
    raise UsageError(f"{artifact} holds no size report", hint=hint)
