"""`plan --write`: CMake and ninja alone make the library of a build, byte for byte."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import block
from tests.documents import validate
from tests.e2e.real import Runtime
from tests.native.mini_torch.workshop import CALLED, LISTED, Workshop


@pytest.fixture(scope="module")
def written(used: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "the project"
    words = (*used.words(*used.first), "--write", folder, "--json")
    plan = used.tool.run("plan", *words, cwd=used.folder).document
    validate("plan", plan)
    assert plan["targets"][0]["project"] == str(folder)
    return folder


def make(project: Path, build: Path, require: Callable[[str], Path]) -> Path:
    """Build a project with CMake and ninja alone, as the page shows; return the library."""
    env = {name: it for name, it in os.environ.items() if not name.startswith("BUILD_RUNTIME")}
    for line in block("cmake -S project -B out").text.splitlines():
        program, *words = shlex.split(line)
        words = [re.sub(r"^project\b", str(project), it) for it in words]
        words = [str(build) if it == "out" else it for it in words]
        done = subprocess.run(
            [str(require(program)), *words], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "lib" / "libbuild_runtime.so"


def test_cmake_and_ninja_alone_make_the_same_library(
    first: Runtime, written: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    library = make(written, tmp_path / "a build", require)
    assert library.read_bytes() == first.library.read_bytes()
    program = tmp_path / "a build" / "bin" / "build-runtime-run"
    assert program.read_bytes() == first.program.read_bytes()


def test_the_project_holds_what_is_linked_and_nothing_else(first: Runtime, written: Path) -> None:
    text = (written / "CMakeLists.txt").read_text()
    assert "NegKernel.cpp" in text
    assert "FloorKernel.cpp" not in text
    listed = yaml.safe_load((written / "selected_operators.yaml").read_text())
    assert set(listed["operators"]) >= {*CALLED, *LISTED}
    assert not [it for it in written.rglob("*") if it.suffix == ".o"]
    assert first.library.is_file()


def test_a_project_that_is_moved_is_built_where_it_is(
    first: Runtime, written: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(written, moved, symlinks=True)
    library = make(moved, moved / "build", require)
    assert library.read_bytes() == first.library.read_bytes()


def test_writing_again_changes_no_file(used: Workshop, written: Path) -> None:
    before = {it: it.stat().st_mtime_ns for it in written.rglob("*") if it.is_file()}
    words = (*used.words(*used.first), "--write", written)
    used.tool.run("plan", *words, cwd=used.folder)
    assert {it: it.stat().st_mtime_ns for it in written.rglob("*") if it.is_file()} == before
