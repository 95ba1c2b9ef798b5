"""Where things lie in an artifact: in its archive, and in the folder that was unpacked from it."""

from pathlib import PurePosixPath
from typing import Final

from builder.artifact.reading import Places
from builder.vocabulary.targets import Target

_SHARE: Final = PurePosixPath("share/build_runtime")

LIBRARY: Final = PurePosixPath("lib/libbuild_runtime.so")
JNI_LIBRARY: Final = PurePosixPath("lib/libpytorch_jni_lite.so")
JAR: Final = PurePosixPath("share/java/build_runtime.jar")
PROGRAM: Final = PurePosixPath("bin/build-runtime-run")
BENCHMARK: Final = PurePosixPath("bin/speed_benchmark_torch")
HEADER: Final = PurePosixPath("include/build_runtime.h")
CMAKE_PACKAGE: Final = PurePosixPath("lib/cmake/build_runtime")
PKG_CONFIG: Final = PurePosixPath("lib/pkgconfig/build_runtime.pc")

MANIFEST: Final = _SHARE / "manifest.json"
SELECTION: Final = _SHARE / "selected_operators.yaml"
"""The operators that were asked for, as a list that builds take instead of models."""

SIZE_REPORT: Final = _SHARE / "size-report.json"
SIZE_TEXT: Final = _SHARE / "size-report.txt"
SIZE_PAGE: Final = _SHARE / "size-report.html"
LICENCES: Final = _SHARE / "licenses"
NOTICE: Final = _SHARE / "NOTICE"
SBOM: Final = _SHARE / "sbom.cdx.json"


def model_place(name: str) -> PurePosixPath:
    """Return where the model of a name lies."""
    return _SHARE / "models" / f"{name}.ptl"


def places(target: Target) -> Places:
    """Return where commands find what they look for: the same for every target."""
    del target
    return Places(LIBRARY, PROGRAM, SELECTION, SIZE_REPORT, NOTICE, SBOM, loaded=("bin", "lib"))
