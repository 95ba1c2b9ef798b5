"""`plan --write`: CMake and ninja alone make the library of a build, byte for byte."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import block
from tests.documents import validate
from tests.e2e.real import Runtime
from tests.native.mini_torch.workshop import CALLED, LISTED, Workshop
from tests.native.standalone import build_standalone

LINES = block("cmake -S project -B out").text


@pytest.fixture(scope="module")
def written(used: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "the project"
    words = (*used.words(*used.first), "--write", folder, "--json")
    plan = used.tool.run("plan", *words, cwd=used.folder).document
    validate("plan", plan)
    assert plan["targets"][0]["project"] == str(folder)
    return folder


def test_cmake_and_ninja_alone_make_the_same_library(
    first: Runtime, written: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    library = build_standalone(LINES, written, tmp_path / "a build", require)
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
    library = build_standalone(LINES, moved, moved / "build", require)
    assert library.read_bytes() == first.library.read_bytes()


def test_writing_again_changes_no_file(used: Workshop, written: Path) -> None:
    before = {it: it.stat().st_mtime_ns for it in written.rglob("*") if it.is_file()}
    words = (*used.words(*used.first), "--write", written)
    used.tool.run("plan", *words, cwd=used.folder)
    assert {it: it.stat().st_mtime_ns for it in written.rglob("*") if it.is_file()} == before
