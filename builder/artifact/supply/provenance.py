"""How an archive was made: an unsigned in-toto statement with SLSA's predicate, beside the archive.

It lies beside, as it names the hash of the archive. Whoever publishes an archive signs it. Equal
builds have equal statements: no time, no machine and no folder is in one.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from builder.artifact.manifest import BuildFacts
from builder.artifact.staging import Bundle
from builder.foundation.files import sha256_file, write_atomic
from builder.vocabulary.checks import PROVENANCE, Check, Outcome
from builder.vocabulary.plan import Component

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:build-runtime:build:1"

_SUFFIX: Final = ".provenance.json"
_LARGEST: Final = 16 << 20


def statement_place(archive: Path) -> Path:
    """Return where the statement about an archive lies."""
    return archive.with_name(archive.name + _SUFFIX)


def write_statement(bundle: Bundle, facts: Iterable[BuildFacts]) -> Path:
    """Write the statement about an archive beside it; `facts` are those of each target in it."""
    place = statement_place(bundle.archive)
    write_atomic(place, statement(bundle, facts))
    return place


def statement(bundle: Bundle, facts: Iterable[BuildFacts]) -> str:
    """Return the JSON of the statement about an archive."""
    targets = tuple(facts)
    plan = targets[0].plan
    document = {
        "_type": STATEMENT,
        "subject": [{"name": bundle.archive.name, "digest": {"sha256": bundle.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "models": [
                        {"name": it.name, "digest": {"sha256": it.source_sha256}}
                        for it in targets[0].models
                    ],
                    "targets": [_target(it) for it in targets],
                },
                "internalParameters": {
                    "plans": {str(it.plan.target): it.plan.fingerprint for it in targets}
                },
                "resolvedDependencies": list(_dependencies(targets)),
            },
            "runDetails": {
                "builder": {
                    "id": "urn:build-runtime:builder:unsigned",
                    "version": {"build-runtime": plan.tool},
                }
            },
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _target(facts: BuildFacts) -> dict[str, Any]:
    plan = facts.plan
    return {
        "target": str(plan.target),
        "dtypes": sorted(plan.profile.dtypes),
        "messages": plan.profile.messages,
        "kernels": plan.kernels,
        "isa": plan.isa,
        "operators": [str(it) for it in sorted(plan.selection.names)],
    }


def _dependencies(targets: tuple[BuildFacts, ...]) -> Iterator[dict[str, Any]]:
    plan = targets[0].plan
    for it in sorted(plan.source.components, key=lambda it: it.name):
        yield {"name": it.name, **_identity(it)}
    for extension in plan.extension:
        yield {"name": extension.name, "digest": {"sha256": extension.sha256}}
    compiler = plan.toolchain.compiler
    yield {"name": compiler.name, "annotations": {"version": compiler.version}}


def _identity(component: Component) -> dict[str, Any]:
    """Return what tells a component from others: the hash of its archive, or else its commit."""
    if component.sha256:
        told = {"digest": {"sha256": component.sha256}}
        return (
            {**told, "annotations": {"version": component.version}} if component.version else told
        )
    return {"digest": {"gitCommit": component.version}} if component.version else {}


def check_statement(archive: Path) -> Check | None:
    """Compare an archive with the statement beside it, if there is one."""
    place = statement_place(archive)
    if not place.is_file():
        return None
    wrong = tuple(_differences(archive, place))
    return Check(
        name=PROVENANCE,
        outcome=Outcome.FAILED if wrong else Outcome.PASSED,
        reasons=wrong,
        hint=f"take both files of one build, or remove {place.name}" if wrong else "",
    )


def _differences(archive: Path, place: Path) -> Iterator[str]:
    try:
        with place.open("rb") as stream:
            document = json.loads(stream.read(_LARGEST))
        told = {str(it["name"]): str(it["digest"]["sha256"]) for it in document["subject"]}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        yield f"{place.name}: it is no statement about an archive: {type(error).__name__}"
        return
    if archive.name not in told:
        yield f"{place.name}: it is not about {archive.name}"
    elif told[archive.name] != sha256_file(archive):
        yield f"{archive.name}: its content is not that of {place.name}"
