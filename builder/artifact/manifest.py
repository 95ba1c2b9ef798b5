"""The manifest: what a runtime was made of and what was proven about it, as JSON.

Note [Equal content, equal manifest]: the manifest is part of the archive, so nothing that differs
between two builds of the same content may be in it: no folder, no time, not the provider of the
source. A component is identified by the checksum of its archive or by its commit; a source tree
from a folder of the user has neither, and its digest covers modification times, so it is left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from builder.foundation.files import sha256_file
from builder.libtorch.flags import paired
from builder.vocabulary.checks import Check, InstructionSet
from builder.vocabulary.models import Model, Repair, Rewrite
from builder.vocabulary.operators import Holdings
from builder.vocabulary.plan import BuildPlan, SourceKind, SourceTree
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.tolerances import Tolerance

VERSION: Final = 2
"""Of the JSON: raised when a reader of the old one would misunderstand the new one.

Version 1 called itself `schema_version`, and its `profile.flags` were always empty.
"""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model of the archive. `source_sha256` is that of the file the user named.

    `file` is its place there, None where it lies beside. `repairs` are what the one in the archive
    does otherwise, `rewrites` what it does faster, and `notes` what else there is to say of it.
    """

    name: str
    file: str | None
    format: str
    size: int
    sha256: str
    source_sha256: str
    repairs: tuple[Repair, ...] = ()
    rewrites: tuple[Repair, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file of the archive. `path` is its place there, `size` bytes."""

    path: str
    size: int
    sha256: str

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {"path": self.path, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Documents:
    """Where an archive says of what a library was made: places in it, of its `files`."""

    sbom: str
    notice: str

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {"sbom": self.sbom, "notice": self.notice}


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known before anything is compiled."""

    plan: BuildPlan
    models: tuple[ModelFile, ...]


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """What is known after the link. `build_id` is that of the library, hex.

    `flags` are those that compiled the sources that are linked, by the name of their group; `link`
    is what the linker was called with, without its objects and without folders. `instruction_sets`
    are those that kernels are inside for, beyond the ABI's own. `rewrite` is how models were
    converted. `jdk` is the release of the JDK that compiled classes for Java, None without any.
    """

    build_id: str
    flags: Mapping[str, tuple[str, ...]]
    link: tuple[str, ...]
    instruction_sets: tuple[InstructionSet, ...]
    size: SizeReport
    holdings: Holdings
    checks: tuple[Check, ...]
    tolerances: Mapping[str, Tolerance]
    rewrite: Rewrite = Rewrite.OFF
    jdk: int | None = None


def describe_model(model: Model, file: PurePosixPath | None) -> ModelFile:
    """Return what the manifest says about a model; reads its files."""
    return ModelFile(
        name=model.name,
        file=None if file is None else str(file),
        format=model.format.value,
        size=model.path.stat().st_size,
        sha256=sha256_file(model.path),
        source_sha256=sha256_file(model.source),
        repairs=model.repairs,
        rewrites=model.rewrites,
        notes=model.notes,
    )


def manifest(
    facts: BuildFacts,
    result: ResultFacts | None = None,
    files: Iterable[FileFacts] = (),
    documents: Documents | None = None,
) -> str:
    """Return the JSON that `manifest.schema.json` describes.

    `files` are all others of the artifact. Without `result` it is the text a library can hold about
    itself, as it cannot hold its own hash.
    """
    document = describe(facts, result, files, documents)
    if result is None:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def describe(
    facts: BuildFacts,
    result: ResultFacts | None = None,
    files: Iterable[FileFacts] = (),
    documents: Documents | None = None,
) -> dict[str, Any]:
    """Return a manifest as plain data; see `manifest`."""
    plan = facts.plan
    document: dict[str, Any] = {
        "version": VERSION,
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
            "optimisation": plan.profile.optimisation,
            "messages": plan.profile.messages,
            "kernels": plan.kernels,
            "isa": plan.isa,
        },
        "flags": _factored(_planned_flags(plan) if result is None else result.flags),
        "models": [_model(model) for model in sorted(facts.models, key=lambda it: it.name)],
        "operators": [
            {"name": str(operator.name), "models": sorted(operator.models)}
            for operator in plan.selection.operators
        ],
        "extension": [{"file": it.name, "sha256": it.sha256} for it in plan.extension],
        "classes": sorted(plan.selection.classes),
        "dtypes": sorted(plan.selection.dtypes),
    }
    if result is not None:
        if documents is not None:
            document["documents"] = documents.document()
        document["toolchain"]["clang"] = plan.toolchain.clang
        if result.jdk is not None:
            document["toolchain"]["jdk"] = result.jdk
        document["rewrite"] = result.rewrite
        document["result"] = _result(result, files)
    return document


def _planned_flags(plan: BuildPlan) -> dict[str, tuple[str, ...]]:
    """Return the flags by kind of source: which groups are linked is not known yet."""
    flags = plan.objects.flags
    definitions = tuple(f"-D{it}" for it in flags.definitions)
    return {
        it.kind: paired((*it.options, *it.cxx, *definitions, *_more(plan, it.kind)))
        for it in flags.kinds
    }


def _more(plan: BuildPlan, kind: SourceKind) -> Iterator[str]:
    for known in plan.toolchain.flags:
        if known.kind is kind:
            yield from (*known.options, *known.cxx)


def _factored(flags: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return what all have in common under `all`, and what each has besides under its name."""
    lists = list(flags.values())
    common = [it for it in (lists[0] if lists else ()) if all(it in other for other in lists)]
    more = {name: [it for it in words if it not in common] for name, words in flags.items()}
    return {"all": list(dict.fromkeys(common)), **{name: it for name, it in more.items() if it}}


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
        "file": model.file,
        "format": model.format,
        "size": model.size,
        "sha256": model.sha256,
        "source_sha256": model.source_sha256,
        "repairs": [it.document() for it in model.repairs],
        "rewrites": [it.document() for it in model.rewrites],
        "notes": list(model.notes),
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


def _result(result: ResultFacts, files: Iterable[FileFacts]) -> dict[str, Any]:
    return {
        "build_id": result.build_id,
        "link": list(result.link),
        "instruction_sets": [
            {"name": it.name, "proof": "run" if it.run else "not run"}
            for it in result.instruction_sets
        ],
        "size": {"stripped": result.size.stripped, "download": result.size.download},
        "holds": _holdings(result.holdings),
        "checks": [
            {
                "name": check.name,
                "outcome": check.outcome,
                "reason": "; ".join(check.reasons) or None,
                "model": check.model or None,
                "runner": check.runner or None,
                "cases": check.cases,
            }
            for check in result.checks
        ],
        "tolerances": [
            {"dtype": dtype, "relative": it.relative, "absolute": it.absolute}
            for dtype, it in sorted(result.tolerances.items())
        ],
        "files": [file.document() for file in sorted(files, key=lambda it: it.path)],
    }
