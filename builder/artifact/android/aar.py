"""The files of an AAR: what the Android Gradle plugin and Prefab expect, and what only we read.

Sources: https://developer.android.com/studio/projects/android-library#aar-contents and
https://google.github.io/prefab/. A library whose C++ library is inside and hidden has, for Prefab,
no C++ library at all: it refuses shared libraries that say they contain one.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from builder.artifact.android import layout
from builder.artifact.android.jars import jar_bytes
from builder.artifact.rendering import render
from builder.artifact.staging import Contents, Part, StagedFile
from builder.artifact.supply.notice import stage_licences
from builder.artifact.supply.sbom import sbom
from builder.foundation.coordinates import Coordinates
from builder.foundation.resources import CMAKE

_PREFAB_SCHEMA: Final = 2


def stage_shared(
    contents: Contents, parts: Iterable[Part], coordinates: Coordinates, *, with_models: bool
) -> tuple[StagedFile, ...]:
    """Return the files that do not depend on the ABI, but for the manifest, which lists them.

    `contents` are those of any ABI, `parts` what is in all libraries. With models,
    those are in it, as assets.
    """
    level = contents.target.api_level
    java = contents.java
    context: dict[str, object] = {
        "namespace": coordinates.namespace,
        "api_level": level or 1,
        "java": java is not None,
    }
    return (
        _rendered(layout.ANDROID_MANIFEST, context),
        _rendered(layout.CONSUMER_RULES, context),
        _rendered(layout.AAR_METADATA, context),
        StagedFile(layout.CLASSES, java.jar if java else jar_bytes(contents.version)),
        StagedFile(layout.RESOURCES, b""),
        StagedFile(layout.PREFAB, _prefab(coordinates)),
        StagedFile(layout.PREFAB_MODULE, _prefab_module()),
        StagedFile(layout.HEADER, contents.header),
        *_cmake(contents.version),
        StagedFile(layout.SELECTION, contents.selected_operators.encode()),
        *stage_licences(parts, layout.NOTICE, layout.LICENCES),
        *(
            StagedFile(layout.model_place(name), path)
            for name, path in (contents.models if with_models else ())
        ),
    )


def stage_abi(contents: Contents, ndk: int, *, with_models: bool) -> tuple[StagedFile, ...]:
    """Return the files of one ABI. `ndk` is the major version of what compiled them.

    With models, these are in the archive.
    """
    target = contents.target
    report = layout.size_report(target.abi)
    return (
        StagedFile(layout.library(target.abi), contents.library, executable=True),
        StagedFile(layout.prefab_library(target.abi), contents.library, executable=True),
        StagedFile(
            layout.prefab_abi(target.abi),
            _json(
                {
                    "abi": str(target.abi),
                    "api": target.api_level,
                    "ndk": ndk,
                    "stl": "none",
                    "static": False,
                }
            ),
        ),
        StagedFile(layout.program(target.abi), contents.program, executable=True),
        *_jni(contents),
        StagedFile(
            layout.sbom(target.abi),
            sbom(contents, contents.models if with_models else ()).encode(),
        ),
        StagedFile(report, contents.size_json.encode()),
        StagedFile(report.with_suffix(".txt"), contents.size_text.encode()),
        StagedFile(report.with_suffix(".html"), contents.size_html.encode()),
    )


def _jni(contents: Contents) -> Iterator[StagedFile]:
    if contents.java is not None:
        place = layout.jni_library(contents.target.abi)
        yield StagedFile(place, contents.java.library, executable=True)


def _rendered(path: PurePosixPath, context: dict[str, object]) -> StagedFile:
    return StagedFile(path, render(f"android/{path.name}.j2", context).encode())


def _prefab(coordinates: Coordinates) -> bytes:
    return _json(
        {
            "schema_version": _PREFAB_SCHEMA,
            "name": "build_runtime",
            "version": coordinates.numeric_version,
            "dependencies": [],
        }
    )


def _prefab_module() -> bytes:
    name = layout.LIBRARY_NAME.removesuffix(".so")
    return _json({"export_libraries": [], "library_name": name})


def _cmake(version: str) -> Iterator[StagedFile]:
    """Yield what CMake needs to find the runtime in the unpacked AAR, where there is no Prefab."""
    logic = CMAKE / "package" / "android"
    for path in sorted(logic.iterdir()):
        yield StagedFile(layout.CMAKE_PACKAGE / path.name, path)
    own = render("android/build_runtimeConfigVersion.cmake.j2", {"version": version})
    common = (CMAKE / "package" / "build_runtimeConfigVersion.cmake").read_bytes()
    yield StagedFile(
        layout.CMAKE_PACKAGE / "build_runtimeConfigVersion.cmake", own.encode() + common
    )


def _json(document: dict[str, object]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()
