import os
import platform
import re
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.machine import processor, processor_features, usable_cores
from tests.places import ROOT, TESTS

DOORS: Final = {
    ROOT / "builder" / "foundation" / "machine.py",
    TESTS / "without_linux.py",
    Path(__file__),
}
LINUX: Final = re.compile(
    r"\bos\.(sched_|posix_f|memfd|eventfd|pidfd|copy_file_range|splice|pipe2|getrandom|\w+xattr)"
    r"|\bplatform\.(machine|processor|system)\(|\bimport fcntl|O_TMPFILE"
)


def test_the_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert usable_cores() == 2


@pytest.mark.parametrize(("counted", "usable"), [(8, 8), (None, 1)])
def test_without_such_limits_all_cores_are_usable(
    counted: int | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == usable


@pytest.mark.parametrize(
    ("said", "meant"), [("x86_64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64")]
)
def test_a_processor_has_one_name(said: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: said)
    assert processor() == meant


@pytest.mark.parametrize("word", ["flags\t\t", "Features\t"])
def test_linux_tells_what_a_processor_can_do(word: str, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{word}: fma avx2\n\nprocessor\t: 1\n{word}: fma avx2\n")
    assert processor_features(cpuinfo) == {"fma", "avx2"}


def test_where_nobody_tells_a_processor_can_do_nothing(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("processor: 0\n")
    assert processor_features(tmp_path / "odd") == processor_features(tmp_path / "none") == set()


def test_nobody_else_asks_what_this_machine_is() -> None:
    folders = ("builder", "tests", "benchmarks", "examples")
    paths = {path for name in folders for path in (ROOT / name).rglob("*.py")}
    texts = {path: path.read_text(encoding="utf-8") for path in paths - DOORS}
    assert not {
        path.relative_to(ROOT).as_posix(): found[0]
        for path, text in texts.items()
        if (found := LINUX.search(text))
    }
