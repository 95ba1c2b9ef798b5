"""`-v` says more on stderr and `-q` less, with every command; results on stdout stay the same."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from builder import RELEASE, VERSION
from builder.cli import main
from builder.commands import planning
from builder.commands.exchange import Answer, Session
from builder.commands.keeping import packing
from builder.commands.line.registry import NAMES
from builder.compilation.shared.packs.index import Index
from builder.compilation.shared.packs.writing import write_pack
from builder.foundation.process import Completed, Host, SubprocessRunner
from builder.foundation.settings import DEFINITIONS
from builder.pipeline.carrying.packs import Export
from builder.pipeline.request import Built, Events, Request
from builder.proof import proving
from builder.report.document import to_json
from builder.toolchains import zig
from builder.vocabulary.plan import Program
from tests.unit.artifact import forge as artifacts
from tests.unit.commands.test_answers import REPORT
from tests.unit.models import forge

WORDS: Final = {
    "bench": ["dist", "net.ptl", "--input-shape", "1", "--rounds", "1"],
    "build": ["net.ptl", "--abi", "x86"],
    "cache": [],
    "cache export": ["net.ptl", "--abi", "x86"],
    "cache import": ["empty.pack"],
    "cache key": ["net.ptl", "--abi", "x86"],
    "check": ["net.ptl"],
    "doctor": [],
    "inspect": ["net.ptl"],
    "lock": ["net.ptl", "-o", "lock.yaml"],
    "plan": ["net.ptl", "--abi", "x86"],
    "report": ["dist"],
    "sbom": ["dist"],
    "source bundle": ["--offline"],
    "targets": [],
    "verify": ["dist", "net.ptl", "--no-run"],
}


STEPPING: Final = frozenset({"bench", "build", "cache export", "cache import", "plan", "verify"})
"""Commands that tell of what takes a while."""

STEP: Final = re.compile(r"^\[ *\d+\.\d s\] .*\n", re.MULTILINE)


@pytest.fixture(autouse=True)
def _everything_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out a directory in which every command has something to answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUILD_RUNTIME_CACHE_DIR", str(tmp_path / "cache"))
    forge.write(tmp_path / "net.ptl", forge.lite())
    artifact = artifacts.write_folder(tmp_path / "dist")
    (artifact / "share/build_runtime/size-report.json").write_text(to_json(REPORT))
    write_pack(tmp_path / "empty.pack", Index(VERSION, ()), {})
    monkeypatch.setattr("builder.pipeline.run.run", build)
    monkeypatch.setattr(packing, "export_pack", export)
    monkeypatch.setattr(planning, "plan", plan)
    monkeypatch.setattr(proving, "check_policy", lambda *_, **__: ())
    monkeypatch.setattr(SubprocessRunner, "capture", lambda *_, **__: Completed(0, "3.31\n", ""))
    monkeypatch.setattr(zig, "find_zig", lambda: Program("zig", Path("/z/zig"), "0.17.1"))
    # others write to the disk while `doctor` is asked twice
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))


def build(_request: Request, _host: Host, events: Events) -> tuple[Built, ...]:
    events.step("reading models")
    return ()


def export(asked: Export, _host: Host, events: Events) -> Index:
    events.step("reading models")
    index = Index(VERSION, ())
    write_pack(asked.path, index, {})
    return index


def plan(_: Request, session: Session, write: Path | None) -> Answer:
    assert write is None
    session.console.step("reading models")
    return Answer({}, "the plan")


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    main(words)
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_every_command_is_tried() -> None:
    assert WORDS.keys() == set(NAMES)


@pytest.mark.parametrize("command", NAMES)
def test_verbose_says_what_decides_the_course(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command.split(), *WORDS[command]]
    told(words, capsys)  # `lock` writes its file, and has nothing to write later
    out, usual = told(words, capsys)
    for option in ("-v", "--verbose"):
        again, more = told([*words, option], capsys)
        assert again == out
        assert more != usual
        assert f"build-runtime {VERSION} for PyTorch {RELEASE}, Python " in more
        for definition in DEFINITIONS:
            assert f"{definition.key} = " in more
        assert "($BUILD_RUNTIME_CACHE_DIR)\n" in more
        assert f"; cache: {Path.cwd() / 'cache'}\n" in more


@pytest.mark.parametrize("command", NAMES)
def test_quiet_leaves_out_the_progress_and_nothing_else(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*command.split(), *WORDS[command]]
    told(words, capsys)
    out, usual = told(words, capsys)
    assert bool(STEP.search(usual)) == (command in STEPPING)
    for option in ("-q", "--quiet"):
        assert told([*words, option], capsys) == (out, STEP.sub("", usual))


def test_a_verbose_command_says_which_programs_it_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cmake", "ninja"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    _, more = told(["doctor", "-v"], capsys)
    assert f"$ cd / && LC_ALL=C.UTF-8 {tmp_path}/cmake --version\n" in more
    assert "$ " not in told(["doctor"], capsys)[1]
