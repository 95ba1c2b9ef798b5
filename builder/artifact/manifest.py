"""The manifest: what a runtime was made of and what was proven about it, as JSON.

Note [Equal content, equal manifest]: the manifest is part of the archive, so nothing that differs
between two builds of the same content may be in it: no folder, no time, not the provider of the
source. A component is identified by the checksum of its archive or by its commit; a source tree
from a folder of the user has neither, and its digest covers modification times, so it is left out.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from builder.foundation.files import sha256_file
from builder.vocabulary.models import Model
from builder.vocabulary.operators import Holdings
from builder.vocabulary.plan import BuildPlan, SourceTree
from builder.vocabulary.sizes import SizeReport

VERSION: Final = 1
"""Of the JSON: raised when a reader of the old one would misunderstand the new one."""

MODELS: Final = "share/build_runtime/models"


class Outcome(StrEnum):
    """How a check ended. A failed check makes no artifact, so there is no word for it."""

    PASSED = "passed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model in the archive. `source_sha256` is that of the file the user named."""

    name: str
    format: str
    size: int
    sha256: str
    source_sha256: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was verified, or the reason why not.

    `model` is empty for checks of the library itself. `runner` says what ran the model (`native`,
    `qemu-aarch64`), `cases` on how many inputs.
    """

    name: str
    outcome: Outcome
    reason: str = ""
    model: str = ""
    runner: str = ""
    cases: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Tolerance:
    """Outputs of a dtype agree when `|actual - expected| <= absolute + relative * |expected|`."""

    dtype: str
    relative: float
    absolute: float


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file of the archive. `path` is its place there, `size` bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known before the link. `flags` decide the code and name no path of this machine."""

    plan: BuildPlan
    models: tuple[ModelFile, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """What is known after it. `build_id` is that of the library, hex."""

    build_id: str
    size: SizeReport
    holdings: Holdings
    checks: tuple[Check, ...]
    tolerances: tuple[Tolerance, ...]
    files: tuple[FileFacts, ...]


def describe_model(model: Model) -> ModelFile:
    """Return what the manifest says about a model; reads its files."""
    return ModelFile(
        name=model.name,
        format=model.format.value,
        size=model.path.stat().st_size,
        sha256=sha256_file(model.path),
        source_sha256=sha256_file(model.source),
    )


def manifest(facts: BuildFacts, result: ResultFacts | None = None) -> str:
    """Return the JSON that `manifest.schema.json` describes.

    Without `result` it is the text a library can hold about itself, as it cannot hold its own hash.
    """
    plan = facts.plan
    document = {
        "schema_version": VERSION,
        "tool": {"name": "build-runtime", "version": plan.tool},
        "target": {
            "platform": plan.target.platform,
            "abi": plan.target.abi,
            "api_level": plan.target.api_level,
        },
        "source": _source(plan.source),
        "toolchain": {
            "name": plan.toolchain.compiler.name,
            "version": plan.toolchain.compiler.version,
        },
        "profile": {
            "backends": list(plan.profile.backends),
            "dtypes": sorted(plan.profile.dtypes),
            "flags": list(facts.flags),
        },
        "models": [_model(model) for model in sorted(facts.models, key=lambda it: it.name)],
        "operators": [
            {"name": str(operator.name), "models": sorted(operator.models)}
            for operator in plan.selection.operators
        ],
        "classes": sorted(plan.selection.classes),
        "dtypes": sorted(plan.selection.dtypes),
    }
    if result is not None:
        document["result"] = _result(result)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _source(source: SourceTree) -> dict[str, Any]:
    pinned = all(component.sha256 or component.version for component in source.components)
    return {
        "name": "pytorch",
        "version": source.version,
        "digest": source.digest if pinned else None,  # Note [Equal content, equal manifest]
        "components": [
            {
                "name": component.name,
                "version": component.version or None,
                "sha256": component.sha256 or None,
                "licence": component.licence,
            }
            for component in sorted(source.components, key=lambda it: it.name)
        ],
    }


def _model(model: ModelFile) -> dict[str, Any]:
    return {
        "name": model.name,
        "file": f"{MODELS}/{model.name}.ptl",
        "format": model.format,
        "size": model.size,
        "sha256": model.sha256,
        "source_sha256": model.source_sha256,
    }


def _holdings(held: Holdings) -> dict[str, Any]:
    return {
        "operators": [
            {"name": str(it.name), "arguments": it.arguments}
            for it in sorted(held.operators, key=lambda it: it.name)
        ],
        "opcodes": sorted(held.opcodes),
        "left_out": sorted(held.left_out),
        "upgraders": held.upgraders,
        "bytecode_versions": list(held.bytecode_versions),
        "operator_versions": list(held.operator_versions),
    }


def _result(result: ResultFacts) -> dict[str, Any]:
    return {
        "build_id": result.build_id,
        "size": {"stripped": result.size.stripped, "download": result.size.download},
        "holds": _holdings(result.holdings),
        "checks": [
            {
                "name": check.name,
                "outcome": check.outcome,
                "reason": check.reason or None,
                "model": check.model or None,
                "runner": check.runner or None,
                "cases": check.cases,
            }
            for check in result.checks
        ],
        "tolerances": [
            {"dtype": it.dtype, "relative": it.relative, "absolute": it.absolute}
            for it in sorted(result.tolerances)
        ],
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256}
            for file in sorted(result.files, key=lambda it: it.path)
        ],
    }
