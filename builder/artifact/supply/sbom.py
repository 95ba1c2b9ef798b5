"""The bill of materials of a library and its models, as CycloneDX 1.6.

Note [Equal bills]: equal contents have equal bills. So there is no time in one, and its serial
number is made of the hash of the library.
"""

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.artifact.staging import Contents, Part
from builder.foundation.files import sha256_file

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_PROPERTY: Final = "build-runtime:"
"""Begins the names of properties that CycloneDX has no field for."""


def sbom(contents: Contents, models: Iterable[tuple[str, Path]]) -> str:
    """Return the JSON that CycloneDX 1.6 describes; `models` are those of the same archive."""
    # a quarter of a second: only what packs needs it
    from cyclonedx.model.bom import Bom, BomMetaData  # noqa: PLC0415
    from cyclonedx.model.tool import ToolRepository  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415

    digest = sha256_file(contents.library)
    runtime = _runtime(contents, digest)
    tool = _component("application", "build-runtime", "tool", version=contents.version)
    bom = Bom(
        serial_number=uuid.uuid5(
            uuid.NAMESPACE_URL, f"urn:build-runtime:{contents.target}:{digest}"
        ),
        metadata=BomMetaData(component=runtime, tools=ToolRepository(components=[tool])),
    )
    bom.metadata.timestamp = None  # type: ignore[assignment]  # Note [Equal bills]
    parts = [_of_part(it) for it in contents.parts]
    bom.components.update([*parts, *map(_of_model, models)])
    bom.register_dependency(runtime, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _runtime(contents: Contents, digest: str) -> "Component":
    told = [("target", str(contents.target)), ("bytes", str(contents.size.stripped))]
    return _component(
        "library", contents.library.name, "runtime",
        version=contents.version, sha256=digest, told=told,
    )  # fmt: skip


def _of_part(part: Part) -> "Component":
    told = [("presence", str(part.presence)), ("bytes", str(part.size))]
    if part.sha256:
        told.append(("source-archive-sha256", part.sha256))
    return _component(
        "library", part.name, f"part:{part.name}",
        version=part.version, licence=part.licence, told=told,
    )  # fmt: skip


def _of_model(model: tuple[str, Path]) -> "Component":
    name, path = model
    return _component("machine-learning-model", name, f"model:{name}", sha256=sha256_file(path))


def _component(
    kind: str,
    name: str,
    reference: str,
    *,
    version: str = "",
    sha256: str = "",
    licence: str = "",
    told: Iterable[tuple[str, str]] = (),
) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415  as above
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415  as above
    from cyclonedx.model.license import LicenseExpression  # noqa: PLC0415  as above

    return Component(
        type=ComponentType(kind),
        name=name,
        bom_ref=reference,
        version=version or None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
        licenses=[LicenseExpression(licence)] if licence else [],
        properties=[Property(name=_PROPERTY + key, value=value) for key, value in told],
    )
