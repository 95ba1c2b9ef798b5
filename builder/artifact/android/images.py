"""The AAR with `org.pytorch.torchvision`: its classes, and the library under them for each ABI."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from builder.artifact.android import layout
from builder.artifact.android.zips import write_zip
from builder.artifact.rendering import render
from builder.artifact.staging import Bundle, ImageFiles, Part, StagedFile
from builder.artifact.supply.notice import stage_licences
from builder.foundation.coordinates import Coordinates
from builder.foundation.files import sha256_file
from builder.vocabulary.targets import Target

_RULES: Final = "android/torchvision.txt.j2"


def images_name(target: Target) -> str:
    """Return the file name of the AAR for all ABIs at the API level of a target."""
    return f"build-runtime-torchvision-{target.platform}{target.api_level or ''}.aar"


def package_images(
    parts: Iterable[tuple[Target, ImageFiles]],
    ours: Part,
    coordinates: Coordinates,
    destination: Path,
) -> Bundle:
    """Write the AAR into a folder; equal content gives equal bytes.

    Its code is all `ours`, and it has no manifest, as it is no runtime. Raise `UsageError` when it
    cannot be written.
    """
    found = tuple(parts)
    target, files = found[0]
    level = target.api_level or 1
    manifest: dict[str, object] = {"namespace": coordinates.namespace, "api_level": level}
    staged = (
        _rendered(f"android/{layout.ANDROID_MANIFEST.name}.j2", layout.ANDROID_MANIFEST, manifest),
        _rendered(_RULES, layout.CONSUMER_RULES, {}),
        _rendered(f"android/{layout.AAR_METADATA.name}.j2", layout.AAR_METADATA, {}),
        StagedFile(layout.CLASSES, files.jar),
        StagedFile(layout.RESOURCES, b""),
        *stage_licences((ours,), layout.NOTICE, layout.LICENCES),
        *(
            StagedFile(layout.vision_library(it.abi), of_abi.library, executable=True)
            for it, of_abi in found
        ),
    )
    archive = destination / images_name(target)
    stored = frozenset(layout.vision_library(it.abi) for it, _ in found)
    write_zip(staged, archive, stored)
    return Bundle(archive, archive.stat().st_size, sha256_file(archive), manifest="")


def _rendered(template: str, place: PurePosixPath, context: dict[str, object]) -> StagedFile:
    return StagedFile(place, render(template, context).encode())
