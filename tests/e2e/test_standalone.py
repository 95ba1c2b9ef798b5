"""`plan --write` on real LibTorch: CMake and ninja alone make the library of a build."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import block
from tests.e2e.real import CLASSIFIER, Runtime, Tool
from tests.native.standalone import build_standalone

ABI: Final = "arm64-v8a"
LINES: Final = block("cmake -S project -B out").text


@pytest.mark.slow
def test_cmake_and_ninja_alone_make_the_same_library(
    tool: Tool,
    runtime: Callable[[str, str], Runtime],
    tmp_path: Path,
    require: Callable[[str], Path],
) -> None:
    """It has no store of objects: all it links is compiled anew."""
    made = runtime("classifier", ABI)
    project = tmp_path / "project"
    tool.run("plan", CLASSIFIER, "--abi", ABI, "--platform", "linux", "--write", project,
             cwd=tmp_path)  # fmt: skip
    library = build_standalone(LINES, project, tmp_path / "build", require)
    assert library.read_bytes() == made.library.read_bytes()
