import sys
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.toolchains.programs import find_program, program_version
from builder.vocabulary.errors import ToolchainError
from tests.conftest import FakeRunner


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with ninja that is the only one on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ninja").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))
    return folder


def test_programs_are_found_on_the_path(tools: Path, host: Host) -> None:
    assert find_program("ninja", host) == tools / "ninja"


def test_programs_beside_this_python_come_first(tools: Path, host: Host, tmp_path: Path) -> None:
    del tools
    own = tmp_path / "python" / "ninja"
    own.parent.mkdir()
    own.touch(mode=0o755)
    assert find_program("ninja", host) == own


def test_a_missing_program_says_how_to_get_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ToolchainError, match="ninja was not found") as caught:
        find_program("ninja", host)
    assert caught.value.looked_in == ("/nowhere", "$PATH")
    assert caught.value.hint.startswith("pip install ninja")


@pytest.mark.parametrize(
    ("answer", "version"), [("cmake version 3.31.2\n\nmore\n", "3.31.2"), ("1.13.0\n", "1.13.0")]
)
def test_a_program_tells_its_version(
    host: Host, runner: FakeRunner, answer: str, version: str
) -> None:
    runner.answer("tool", answer)
    assert program_version(Path("/bin/tool"), host) == version


@pytest.mark.parametrize(("stdout", "status"), [("", 0), ("cannot load libfoo", 127)])
def test_a_program_that_does_not_run_is_named(
    host: Host, runner: FakeRunner, stdout: str, status: int
) -> None:
    runner.answer("tool", stdout, status=status)
    with pytest.raises(ToolchainError, match="/bin/tool does not work") as caught:
        program_version(Path("/bin/tool"), host)
    assert stdout in caught.value.message
