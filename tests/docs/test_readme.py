"""The README and the examples say what the program does: options, tables and links are real."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from builder.commands.line import registry
from builder.commands.line.builds import BuildOptions
from builder.proof.compare import TOLERANCES
from builder.vocabulary import errors
from builder.vocabulary.targets import Abi, Platform, make_target, target_facts
from tests.places import ROOT

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("examples/*/README.md"), *ROOT.glob("benchmarks/*.md")]
)
BLOCK: Final = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDERS: Final = {"COMMAND", "MODEL", "MODEL...", "ARTIFACT"}


def commands(text: str) -> Iterator[str]:
    """Yield the commands of the code blocks, with continued lines joined and comments cut off."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s+&& ", line.removeprefix("$ ")):
                if part.startswith("build-runtime "):
                    yield re.split(r" {2,}|  # ", part.strip())[0]


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    _, _, rest = text.partition(f"## {heading}\n")
    section = rest.split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split(" |")] for line in lines[2:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_options_that_exist(page: Path) -> None:
    for command in commands(page.read_text(encoding="utf-8")):
        words = shlex.split(command)[1:]
        if words[0] in registry.NAMES or PLACEHOLDERS & set(words):
            continue
        given = registry.main_parser().parse(words, BuildOptions)
        assert given.options.wanted.models, command
        assert given.flags["abi"], command


def test_the_readme_has_commands() -> None:
    named = {shlex.split(it)[1] for it in commands(README)}
    assert set(registry.NAMES) - {"build", "cache"} <= named
    assert sum("--abi" in it for it in commands(README)) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_exit_code_is_explained() -> None:
    kinds = [it for it in vars(errors).values() if isinstance(it, type)]
    raised = {it.exit_code for it in kinds if issubclass(it, errors.BuildRuntimeError)}
    told = [int(row[0]) for row in rows(README, "Exit codes")]
    assert set(told) == raised | {0, 130}
    assert told == sorted(told)
    assert all(re.search(rf"\b{code} ", registry.EXIT_CODES) for code in told)


def test_every_tolerance_is_explained() -> None:
    told = {
        name: tuple(row[1:])
        for row in rows(README, "Verify")
        for name in re.findall(r"`?(\w+)`?(?:,|$)", row[0])
    }
    for dtype, known in TOLERANCES.items():
        relative, absolute = told[dtype]
        assert (float(relative), float(absolute)) == (known.relative, known.absolute)
    assert told["bool"] == ("equal", "equal")


def test_every_abi_is_explained() -> None:
    told = {row[0]: row for row in rows(README, "Targets")}
    assert set(told) == {abi.value for abi in Abi}
    for abi in Abi:
        known = target_facts(make_target(Platform.LINUX, abi))
        assert known.triple in told[abi][1]
        assert known.emulator in told[abi][2] or "this machine" in told[abi][2]
