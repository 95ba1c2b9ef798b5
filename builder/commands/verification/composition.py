"""`sbom`: what an artifact was made of, in its own words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builder.artifact.opening import open_artifacts
from builder.artifact.reading import Artifact, changed_files
from builder.commands.exchange import Answer
from builder.foundation.process import Host
from builder.vocabulary.checks import failures
from builder.vocabulary.errors import UsageError, VerificationError
from builder.vocabulary.targets import Abi

_LARGEST: Final = 16 << 20
"""Bytes: far above what builds write."""


class Form(StrEnum):
    """In which form it is told: the bill of materials, or NOTICE."""

    CYCLONEDX = "cyclonedx"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Question:
    """What `sbom` is asked. `abi` chooses one of several."""

    artifact: Path
    form: Form
    abi: Abi | None


def composition(question: Question, host: Host) -> Answer:
    """Return what an artifact says it was made of; raise `UsageError` if it is of before that."""
    with open_artifacts(question.artifact, host.cache / "scratch") as artifacts:
        chosen = [it for it in artifacts if question.abi in {None, it.target.abi}]
        if not chosen:
            raise UsageError(
                f"{question.artifact} holds no runtime for {question.abi}",
                hint=f"it has {', '.join(artifacts[0].abis)}",
            )
        if question.form is Form.CYCLONEDX and len(chosen) > 1:
            raise UsageError(
                f"{question.artifact} has a bill for each ABI: {', '.join(artifacts[0].abis)}",
                hint="choose one with --for",
            )
        _refuse_changed(artifacts, question.artifact)
        notice = _read(chosen[0], chosen[0].places.notice)
        bills = [_bill(it) for it in chosen]
    document = {
        "artifact": str(question.artifact),
        "targets": [
            {"target": str(it.target), "sbom": bill} for it, bill in zip(chosen, bills, strict=True)
        ],
        "notice": notice,
    }
    if question.form is Form.NOTICE:
        return Answer(document, notice.rstrip())
    return Answer(document, json.dumps(bills[0], indent=2, ensure_ascii=False))


def _refuse_changed(artifacts: Sequence[Artifact], source: Path) -> None:
    """Raise `VerificationError` for an artifact whose files are not those that were built.

    What was found of the archive as a whole counts, too. An app says nothing anyway.
    """
    against = failures(it for artifact in artifacts if not artifact.is_app for it in artifact.found)
    if against:
        reasons = "; ".join(reason for it in against for reason in it.reasons)
        raise VerificationError(f"{source} is not what was built: {reasons}", hint=against[0].hint)
    if changed := [it for artifact in artifacts for it in changed_files(artifact)]:
        raise VerificationError(
            f"{source} is not what was built: {'; '.join(changed)}",
            hint="take the archive as it was built, or build it again",
        )


def _bill(artifact: Artifact) -> dict[str, Any]:
    try:
        document = json.loads(_read(artifact, artifact.places.sbom))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the SBOM of {artifact.source} cannot be read: {error}", hint="build it again"
        ) from error
    if not isinstance(document, dict):
        raise UsageError(f"the SBOM of {artifact.source} is none", hint="build it again")
    return document


def _read(artifact: Artifact, path: PurePosixPath | None) -> str:
    """Return the text of a file that artifacts have since they tell what they were made of."""
    listed = {it.path: it.size for it in artifact.files}
    if path is None or listed.get(path, _LARGEST + 1) > _LARGEST:
        raise UsageError(
            f"{artifact.source} does not say what it was made of",
            looked_in=[] if path is None else [str(path)],
            hint="it is an app, or of an older build-runtime: name the archive, or build it again",
        )
    return (artifact.root / path).read_text(encoding="utf-8", errors="replace")
