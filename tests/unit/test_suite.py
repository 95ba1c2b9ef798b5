"""The test suite itself: no file is overlooked, and its folders decide what a test may do."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import FAST, SLOW
from tests.places import ROOT, TESTS

IMPORT: Final = re.compile(r"\bfrom (builder(?:\.\w+)*) import (\w+)")
MADE_UP: Final = {TESTS / "unit" / "test_architecture.py"}
"""Files with imports of modules that are not there, to see them refused."""

TEST: Final = re.compile(r"^(?:async )?def test_|^class Test|^    def test_", re.MULTILINE)


def holding_tests() -> set[Path]:
    """Return the files that are named as tests, or have tests in them."""
    return {
        path
        for path in TESTS.rglob("*.py")
        if path.name.startswith("test_") or TEST.search(path.read_text(encoding="utf-8"))
    }


def is_collected(path: Path, config: pytest.Config) -> bool:
    """Ask pytest whether it would come to a file from the top of the checkout."""
    steps = [it for it in (*reversed(path.parents), path) if it.is_relative_to(TESTS)]
    ignore = config.hook.pytest_ignore_collect
    named = any(fnmatch(path.name, it) for it in config.getini("python_files"))
    return named and not any(ignore(collection_path=it, config=config) for it in steps)


def test_every_test_file_is_collected(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request.config.option, "markexpr", "")  # over all marks
    overlooked = {it for it in holding_tests() if not is_collected(it, request.config)}
    assert not {path.relative_to(ROOT).as_posix() for path in overlooked}


def test_no_test_file_is_hollow() -> None:
    paths = TESTS.rglob("test_*.py")
    assert not [it for it in paths if not TEST.search(it.read_text(encoding="utf-8"))]


def test_every_folder_of_tests_is_fast_or_has_a_mark() -> None:
    assert {it.relative_to(TESTS).parts[0] for it in TESTS.rglob("test_*.py")} == FAST | SLOW


@pytest.mark.parametrize("folder", sorted(SLOW))
def test_a_folder_is_left_out_only_where_its_mark_is(
    folder: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((TESTS / folder).rglob("test_*.py"))
    for expression, wanted in (
        ("not (torch or native or e2e or packaging or sanitizers)", False),
        ("not (slow)", True),
        (folder, True),
        (f"not ({folder} and slow)", True),
    ):
        monkeypatch.setattr(request.config.option, "markexpr", expression)
        assert is_collected(path, request.config) is wanted


def test_programs_in_texts_import_what_is_there() -> None:
    """Children are given programs as text, in which no linter sees that a module was moved."""
    gone = set()
    for path in set(TESTS.rglob("*.py")) - MADE_UP:
        for module, name in IMPORT.findall(path.read_text(encoding="utf-8")):
            place = ROOT.joinpath(*module.split("."))
            beside = place / name, place / f"{name}.py", place.with_suffix(".py")
            package = place / "__init__.py"
            inside = package.is_file() and name in package.read_text(encoding="utf-8")
            if not inside and not any(it.exists() for it in beside):
                gone.add(f"{path.relative_to(ROOT)}: {module}.{name}")
    assert not gone
