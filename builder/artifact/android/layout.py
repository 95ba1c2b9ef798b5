"""Where things lie in an AAR, and in the folder that was unpacked from it.

Gradle puts `jni/` and `assets/` into apps, and gives `prefab/` to native code. It ignores what is
not of its own format, so that what only we read costs an app nothing.

Note [Manifests of apps]: the manifest is an asset, so that an app tells which runtime it holds. The
library's build id says which of the manifest's targets it is.
"""

from pathlib import PurePosixPath
from typing import Final

from builder.artifact.reading import Places
from builder.vocabulary.targets import Abi, Target

_SHARE: Final = PurePosixPath("META-INF/build_runtime")
_PREFAB_MODULE: Final = PurePosixPath("prefab/modules/build_runtime")

LIBRARY_NAME: Final = "libbuild_runtime.so"
BENCHMARK: Final = "speed_benchmark_torch"
"""Beside the AAR, in the folder of its ABI: it is for developers, not for apps."""

ANDROID_MANIFEST: Final = PurePosixPath("AndroidManifest.xml")
CLASSES: Final = PurePosixPath("classes.jar")
RESOURCES: Final = PurePosixPath("R.txt")
CONSUMER_RULES: Final = PurePosixPath("proguard.txt")
AAR_METADATA: Final = PurePosixPath("META-INF/com/android/build/gradle/aar-metadata.properties")

PREFAB: Final = PurePosixPath("prefab/prefab.json")
PREFAB_MODULE: Final = _PREFAB_MODULE / "module.json"
HEADER: Final = _PREFAB_MODULE / "include" / "build_runtime.h"
CMAKE_PACKAGE: Final = PurePosixPath("cmake")

MANIFEST: Final = PurePosixPath("assets/build_runtime/manifest.json")
SELECTION: Final = _SHARE / "selected_operators.yaml"
LICENCES: Final = _SHARE / "licenses"
NOTICE: Final = _SHARE / "NOTICE"


def library(abi: Abi) -> PurePosixPath:
    """Return where the library is that goes into apps."""
    return PurePosixPath("jni") / abi / LIBRARY_NAME


def jni_library(abi: Abi) -> PurePosixPath:
    """Return where the native functions of the classes are: beside the library that they call."""
    return library(abi).with_name("libpytorch_jni_lite.so")


def vision_library(abi: Abi) -> PurePosixPath:
    """Return where those of `org.pytorch.torchvision` are, in an AAR of their own."""
    return library(abi).with_name("libpytorch_vision_jni.so")


def prefab_library(abi: Abi) -> PurePosixPath:
    """Return where the library is that native code links with."""
    return _PREFAB_MODULE / "libs" / f"android.{abi}" / LIBRARY_NAME


def prefab_abi(abi: Abi) -> PurePosixPath:
    """Return what tells Prefab whether a library suits an app."""
    return prefab_library(abi).with_name("abi.json")


def program(abi: Abi) -> PurePosixPath:
    """Return where the program is that runs models."""
    return _SHARE / "bin" / abi / "build-runtime-run"


def size_report(abi: Abi) -> PurePosixPath:
    """Return where the bytes of a library went, as JSON; text and page lie beside."""
    return _SHARE / "size-report" / f"{abi}.json"


def sbom(abi: Abi) -> PurePosixPath:
    """Return where it says of what a library was made."""
    return _SHARE / "sbom" / f"{abi}.cdx.json"


def model_place(name: str) -> PurePosixPath:
    """Return where a model lies that goes into apps."""
    return PurePosixPath("assets") / f"{name}.ptl"


def places(target: Target) -> Places:
    """Return where commands find what they look for."""
    abi = target.abi
    found, runs = library(abi), program(abi)
    loaded = (str(found.parent), str(runs.parent))
    return Places(found, runs, SELECTION, size_report(abi), NOTICE, sbom(abi), loaded)
