import os
from pathlib import Path

import pytest

from builder.compilation.times import note, parse_deps, restore

TOLD = """\
CMakeFiles/a.dir/a.cpp.o: #deps 3, deps mtime 123 (VALID)
    tree/pytorch/a.cpp
    project/include/x y.h
    /abs/precompiled/a.cpp

CMakeFiles/b.dir/b.cpp.o: #deps 1, deps mtime 0 (STALE)
    tree/pytorch/b.cpp

"""


def test_objects_that_are_up_to_date_and_their_inputs_are_named() -> None:
    assert parse_deps(TOLD) == {
        "CMakeFiles/a.dir/a.cpp.o", "tree/pytorch/a.cpp", "project/include/x y.h",
    }  # fmt: skip


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "build"
    folder.mkdir(parents=True)
    (folder / "a.o").write_text("object")
    (folder / "b.o").write_text("other")
    return folder


def test_a_file_that_changed_keeps_its_new_time(build: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "times.json"
    note(sheet, build, ["a.o", "b.o", "gone.o"])
    noted = (build / "a.o").stat().st_mtime_ns
    (build / "b.o").write_text("OTHER")
    for name in ("a.o", "b.o"):
        os.utime(build / name, ns=(5, 5))
    assert restore(sheet, build, tmp_path / "cache")
    assert (build / "a.o").stat().st_mtime_ns == noted
    assert (build / "b.o").stat().st_mtime_ns == 5, "ninja has to notice"


def test_files_of_the_user_keep_their_times(build: Path, tmp_path: Path) -> None:
    own = tmp_path / "source.cpp"
    own.write_text("int x;")
    (build / "source.cpp").symlink_to(own)
    sheet = tmp_path / "times.json"
    note(sheet, build, ["source.cpp"])
    os.utime(own, ns=(7, 7))
    restore(sheet, build, tmp_path / "cache")
    assert own.stat().st_mtime_ns == 7


def test_what_did_not_change_is_not_read_again(build: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "times.json"
    note(sheet, build, ["a.o"])
    state = (build / "a.o").stat()
    (build / "a.o").write_text("OBJECT")
    os.utime(build / "a.o", ns=(state.st_mtime_ns, state.st_mtime_ns))
    before = sheet.read_text()
    note(sheet, build, ["a.o"])
    assert sheet.read_text() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a.o": 1}', '{"a.o": ["x", 1, "2"]}', "\0"])
def test_a_damaged_sheet_is_an_empty_one(build: Path, tmp_path: Path, text: str) -> None:
    sheet = tmp_path / "times.json"
    sheet.write_text(text)
    assert not restore(sheet, build, tmp_path / "cache")
