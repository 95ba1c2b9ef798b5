"""Pages and examples say what the program does: options, tables and links are real."""

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
from tests.docs.pages import README, REFERENCE, SHOWN, blocks_of, inline_commands
from tests.documents import SCHEMAS
from tests.places import ROOT
from tests.unit.test_architecture import ALLOWED

PAGES: Final = sorted([
    *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md"),
    *ROOT.glob("benchmarks/*.md"),
])  # fmt: skip
PLACEHOLDERS: Final = {"COMMAND", "MODEL", "MODEL...", "ARTIFACT"}


def commands(page: Path) -> Iterator[str]:
    """Yield the commands of a page, with continued lines joined and comments cut off."""
    yield from inline_commands(page)
    for shown in blocks_of(page):
        for line in shown.text.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s+&& ", line.removeprefix("$ ")):
                if part.startswith("build-runtime "):
                    yield re.split(r" {2,}|  # ", part.strip())[0]


def rows(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"## {heading}\n")
    section = rest.split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split(" |")] for line in lines[2:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_options_that_exist(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command)[1:]
        if PLACEHOLDERS & set(words):
            continue
        named, rest = registry.find(words)
        if len(rest) < len(words):
            registry.read(named, rest)
            continue
        given = registry.main_parser().parse(words, BuildOptions)
        assert given.options.wanted.models, command
        assert given.flags["abi"], command


@pytest.mark.parametrize("page", [README, REFERENCE], ids=lambda page: page.name)
def test_the_page_has_all_commands(page: Path) -> None:
    named = {registry.find(shlex.split(it)[1:])[0].name for it in commands(page)}
    assert set(registry.NAMES) <= named
    assert sum("--abi" in it for it in commands(page)) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [README, *SHOWN], ids=lambda page: page.name)
def test_links_lead_to_chapters_that_exist(page: Path) -> None:
    found = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert not [
        f"{target}#{chapter}"
        for target, chapter in found
        if chapter not in chapters(page.parent / target if target else page)
    ]


def chapters(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in titles}


def test_every_exit_code_is_explained() -> None:
    kinds = [it for it in vars(errors).values() if isinstance(it, type)]
    raised = {it.exit_code for it in kinds if issubclass(it, errors.BuildRuntimeError)}
    told = [int(row[0]) for row in rows(REFERENCE, "Exit codes")]
    assert set(told) == raised | {0, 130}
    assert told == sorted(told)
    assert not any("reserved" in row[1] for row in rows(REFERENCE, "Exit codes"))
    assert all(re.search(rf"\b{code} ", registry.EXIT_CODES) for code in told)


def test_every_tolerance_is_explained() -> None:
    told = {
        name: tuple(row[1:])
        for row in rows(REFERENCE, "Tolerances")
        for name in re.findall(r"`?(\w+)`?(?:,|$)", row[0])
    }
    for dtype, known in TOLERANCES.items():
        relative, absolute = told[dtype]
        assert (float(relative), float(absolute)) == (known.relative, known.absolute)
    assert told["bool"] == ("equal", "equal")


def test_every_abi_is_explained() -> None:
    told = {row[0]: row for row in rows(REFERENCE, "Targets")}
    assert set(told) == {abi.value for abi in Abi}
    for abi in Abi:
        known = target_facts(make_target(Platform.LINUX, abi))
        assert known.triple in told[abi][1]
        assert known.emulator in told[abi][2] or "this machine" in told[abi][2]


def test_every_schema_is_named() -> None:
    told = {it for row in rows(REFERENCE, "JSON documents") for it in re.findall(r"[\w-]+", row[0])}
    assert told == {it.name.removesuffix(".schema.json") for it in SCHEMAS.iterdir()}


def test_contributing_names_the_rooms_and_what_they_may_import() -> None:
    told: dict[str, set[str]] = {}
    for cells in rows(ROOT / "CONTRIBUTING.md", "Rooms"):
        for name in re.findall(r"\w+", cells[0]):
            told[name] = set(re.findall(r"`(\w+)`", f"`{cells[2]}`"))
    below = {name: set(may) for name, may in ALLOWED.items() if name not in {"__main__", "builder"}}
    assert told == below
