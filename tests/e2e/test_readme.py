"""The README shows what the program prints: its first command is run, and the outputs compared."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.real import Tool
from tests.places import ROOT

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
TITLES: Final = ("sections", "components", "objects")
TOLERANCE: Final = 0.05
"""Sizes in the README may be this much off before they have to be pasted anew."""


def shown() -> tuple[list[str], list[str]]:
    """Return the commands of the first code block and the lines shown below them."""
    block = re.search(r"^```\n(\$ .*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert block is not None
    lines = block[1].splitlines()
    return [it[2:] for it in lines if it.startswith("$ ")], [it for it in lines if it[:1] != "$"]


def sizes(lines: list[str]) -> dict[str, dict[str, int]]:
    """Return the rows of each table of a report: name to bytes."""
    tables: dict[str, dict[str, int]] = {}
    title = "head"
    for line in lines:
        if line in TITLES:
            title = line
        elif match := re.fullmatch(r"  (\S.*?)\s{2,}([\d,]+)\b.*", line):
            tables.setdefault(title, {})[match[1]] = int(match[2].replace(",", ""))
    return tables


def test_the_first_command_prints_what_is_shown(
    tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("qemu-aarch64")
    (script, build), expected = shown()
    words = shlex.split(script)
    assert words[0] == "python"
    subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / words[1], *words[2:]], cwd=tmp_path, check=True
    )
    words = shlex.split(build)
    assert words[0] == "build-runtime"
    printed = tool.run(*words[1:], cwd=tmp_path).stdout.splitlines()

    theirs, ours = sizes(printed), sizes(expected)
    assert ours["head"].keys() == theirs["head"].keys()
    for title in ("head", "components"):
        for name, size in ours[title].items():
            assert theirs[title].get(name, 0) == pytest.approx(size, rel=TOLERANCE, abs=8192), name

    def sentences(lines: list[str]) -> list[str]:
        return [
            re.sub(r"\d+ (objects|reused|compiled)", r"# \1", it) for it in lines if it[:1] != " "
        ]

    assert [it for it in sentences(expected) if it != "…"] == [
        it for it in sentences(printed) if it in sentences(expected)
    ]
    assert sentences(printed)[-1] == sentences(expected)[-1]
    assert "passed   outputs (model under qemu-aarch64, 1 case)" in expected


def test_the_command_to_start_with_builds_the_classifier(
    tool: Tool, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    """The part of the install line that is ours; tests/packaging installs the wheel."""
    require("qemu-aarch64")
    (line,) = re.findall(r"^python3 -m venv .* && (build-runtime .*)$", README, re.MULTILINE)
    words = shlex.split(line)[1:]
    words[0] = str(ROOT / words[0])
    assert "passed   outputs" in tool.run(*words, cwd=tmp_path).stdout
    prefix = tmp_path / "dist" / "linux-arm64-v8a"
    listed = re.findall(r"^\| `([^`]+)`(?:, `([^`]+)`)? \|", README, re.MULTILINE)
    paths = [path for row in listed for path in row if "/" in path]
    assert len(paths) >= 8
    for path in paths:
        assert (prefix / path).exists(), path
