"""`org.pytorch.torchvision` beside that of PyTorch Mobile: its members, and where images differ.

Upstream's own class and library are compiled from the pinned source.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.conftest import unavailable
from tests.docs.pages import table
from tests.e2e.jvm.machine import JAVA as TESTS_OF_JAVA
from tests.e2e.jvm.machine import JUNIT
from tests.e2e.real import CLASSIFIER, Tool
from tests.native.vision.machine import (
    Floats,
    Machine,
    build_library,
    compile_classes,
    compile_shared,
    compile_sources,
)
from tests.places import ROOT, TESTS

UPSTREAM: Final = "pytorch/android/pytorch_android_torchvision/src/main"
CLASS: Final = "org.pytorch.torchvision.TensorImageUtils"
LOADER: Final = "com/facebook/soloader/nativeloader"
STUBS: Final = {
    f"{LOADER}/SystemDelegate.java": (
        "package com.facebook.soloader.nativeloader; public class SystemDelegate {}"
    ),
    f"{LOADER}/NativeLoader.java": (
        "package com.facebook.soloader.nativeloader; public class NativeLoader {"
        " public static boolean isInitialized() { return true; }"
        " public static void init(SystemDelegate it) {}"
        " public static void loadLibrary(String name) { System.loadLibrary(name); } }"
    ),
}
"""What upstream's class is compiled against besides."""

PROGRAMS: Final = (TESTS / "e2e/vision/Gradients.java", TESTS_OF_JAVA / "org/pytorch/Members.java")
"""Run with either class."""

PAGE: Final = ROOT / "docs" / "android.md"
LEVELS: Final = 255


@pytest.fixture(scope="module")
def ours(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if not all(it.exists() for it in JUNIT):
        unavailable("this test needs Debian's junit4")
    require("g++")
    folder = tmp_path_factory.mktemp("vision")
    javac = require("javac")
    classes = compile_classes(javac, folder)
    path = ":".join(map(str, classes))
    compile_sources(javac, PROGRAMS, folder / "programs", "-cp", path)
    library = build_library(require("cmake"), folder / "build")
    return Machine(require("java"), (folder / "programs", *classes), library)


@pytest.fixture(scope="module")
def theirs(
    ours: Machine, tool: Tool, require: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Machine:  # fmt: skip
    folder = tmp_path_factory.mktemp("upstream")
    tool.run("plan", CLASSIFIER, "--abi", "x86_64", cwd=folder)  # fetches the sources
    (root,) = (tool.cache / "sources").glob(f"2.6.0-*/{UPSTREAM}")
    for name, text in STUBS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    sources = [*sorted(root.rglob("*.java")), *sorted(folder.rglob("*.java"))]
    path = ":".join(map(str, ours.classes))
    compile_sources(require("javac"), sources, folder / "classes", "-nowarn", "-cp", path)
    library = folder / ours.library.name
    compile_shared(
        sorted(root.rglob("*.cpp")), library, ours.library.parents[1], "-include", "cstdint"
    )
    return replace(ours, classes=(folder / "classes", *ours.classes), library=library)


def test_public_members_are_those_of_upstream(ours: Machine, theirs: Machine) -> None:
    wanted, found = (
        set(it.run("org.pytorch.Members", CLASS).splitlines()) for it in (theirs, ours)
    )
    assert len(wanted) == 14
    assert wanted - found == set()
    added = {line.split("(")[0].split(".")[-1] for line in found - wanted}
    assert {it.split()[-1] for it in added} == {
        "nv21CenterCropToFloat32Tensor", "nv21CenterCropToFloatBuffer",
    }  # fmt: skip


def images(machine: Machine, rows: list[list[int]]) -> list[Floats]:
    words = [it for row in rows for it in row]
    told = machine.run("org.pytorch.torchvision.Gradients", *words).splitlines()
    assert len(told) == len(rows), told
    return [np.frombuffer(base64.b64decode(it), np.float32) for it in told]


@pytest.mark.parametrize("degrees", [0, 180])
def test_images_are_those_of_upstream_where_that_is_right(
    ours: Machine, theirs: Machine, degrees: int
) -> None:
    """Upright, and scaled by a whole number."""
    rows = [[640, 480, degrees, *size] for size in ((640, 480), (320, 240), (160, 160), (80, 60))]
    for mine, other in zip(images(ours, rows), images(theirs, rows), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)


def test_differences_from_upstream_are_documented(ours: Machine, theirs: Machine) -> None:
    shown = table(PAGE, "frame, turned, tensor")
    rows = [list(map(int, re.findall(r"\d+", it))) for it in shown]
    measured = []
    for mine, other in zip(images(ours, rows), images(theirs, rows), strict=True):
        levels = np.abs(mine - other) * LEVELS
        pixels = levels.reshape(3, -1).max(0) > 0.5
        measured.append((f"{pixels.mean():.0%}", f"{levels.mean():.1f}"))
    assert dict(zip(shown, measured, strict=True)) == shown
