"""Every mistake gives its one message and exit code, no traceback, and leaves nothing behind."""

import json
import os
import re
import runpy
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from builder.cli import main
from builder.foundation.machine import operating_system
from builder.toolchains.ndk import discovery
from tests.documents import validate
from tests.places import STEERING

HERE: Final = Path(__file__).parent
MISTAKES: Final = sorted(path.parent for path in HERE.glob("*/transcript.txt"))
COMMAND: Final = re.compile(
    r"\$ ((?:(?:BUILD_RUNTIME_\w+|JAVA_HOME|SCCACHE_REDIS_ENDPOINT)=\S+ )*)build-runtime (.+)"
)
STEP: Final = re.compile(r"^\[ *\d+\.\d s\] .*\n", re.MULTILINE)
OWN: Final = frozenset({"transcript.txt", "make.py", "__pycache__"})

pytestmark = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.name)


@pytest.fixture
def here(mistake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out the working directory of a mistake, and go there."""
    folder = tmp_path / "here"
    shutil.copytree(mistake, folder, ignore=lambda _, names: OWN.intersection(names))
    if (mistake / "make.py").is_file():
        runpy.run_path(str(mistake / "make.py"))["make"](folder)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(STEERING)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # where Android Studio keeps its SDK is told as on Linux
    monkeypatch.setattr(discovery, "operating_system", lambda: "linux")
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))
    for word in shlex.split(command_of(mistake)[1]):
        monkeypatch.setenv(*word.split("=", 1))
    return folder


def command_of(mistake: Path) -> re.Match[str]:
    """Return the command of a mistake: what it sets in the environment, and the arguments."""
    first = (mistake / "transcript.txt").read_text(encoding="utf-8").split("\n", 1)[0]
    found = COMMAND.fullmatch(first)
    assert found
    return found


def test_a_mistake_is_explained(
    mistake: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    golden: Callable[[Path, str], None],
) -> None:
    before = snapshot(here)
    command = command_of(mistake)
    status = main(shlex.split(command[2]))
    printed = capsys.readouterr()
    told = STEP.sub("", printed.err).replace(str(here), "{here}")
    told = told.replace(str(here.parent), "{above}")
    told = told.replace(f"{operating_system()}-x86_64", "linux-x86_64")  # a folder of the NDK's
    golden(mistake / "transcript.txt", f"{command[0]}\n{told}exit code {status}\n")
    assert status not in (0, 1)
    assert "Traceback" not in told
    assert "  fix: " in told
    assert not printed.out
    assert snapshot(here) == before, "nothing half-written"


def test_a_mistake_is_a_document_for_machines(
    mistake: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*shlex.split(command_of(mistake)[2]), "--json"])
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    validate("error", document)
    assert document["exit_code"] == status
    assert f"error: {document['error']}" in printed.err
    assert here.is_dir()


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
