"""What README and `docs/` show: blocks of code, and the claims of the tests that execute them.

A test claims a block with `block("how it starts")`. `test_pages.py` fails for a block that no test
claims, and for a claim of no block.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Final

from tests.parsing import parsed
from tests.places import ROOT, TESTS

README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "docs" / "reference.md"
FORMATS: Final = ROOT / "docs" / "formats.md"
SHOWN: Final = (README, *sorted((ROOT / "docs").glob("*.md")))
"""The pages of which everything is executed."""

LEFT_OUT: Final = "…"
"""The line that stands for lines that are printed and not shown."""

TOLERANCE: Final = 0.05
"""Sizes may be this much off before they have to be written anew."""

_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`(build-runtime [^`]+)`")
_CLAIM: Final = "block("
_PROMPT: Final = "$ "
_NUMBER: Final = re.compile(r"\d[\d,.]*%?")
_FREE: Final = re.compile(r"\d+ (?=objects|reused|compiled)")
_SMALL: Final = 8192  # bytes that any change of the code may add


@dataclass(frozen=True)
class Block:
    """Code of a page, between its fences."""

    page: Path
    language: str
    text: str

    @property
    def steps(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return each command of a transcript with the lines that are shown below it."""
        assert self.language == "console", self.text
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return tuple((part.splitlines()[0], tuple(part.splitlines()[1:])) for part in parts)


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """Return the blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return tuple(Block(page, *found) for found in _FENCED.findall(text))


def block(start: str) -> Block:
    """Claim the one block of all pages that starts like this: whoever calls it executes it."""
    found = [it for page in SHOWN for it in blocks_of(page) if it.text.startswith(start)]
    assert len(found) == 1, f"{len(found)} blocks start with {start!r}"
    return found[0]


def table(page: Path, head: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of the one table whose first column has this head, by that column."""
    lines = page.read_text(encoding="utf-8").splitlines()
    (start,) = (at for at, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    cells = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)
    return {first: tuple(rest) for first, *rest in cells}


def claims(folder: Path = TESTS) -> Iterator[str]:
    """Yield what all tests below a folder claim."""
    for path in sorted(folder.rglob("test_*.py")):
        if _CLAIM not in path.read_text(encoding="utf-8"):
            continue
        for node in ast.walk(parsed(path)):
            match node:
                case ast.Call(func=ast.Name("block"), args=[ast.Constant(value=str(start))]):
                    yield start
                case _:
                    pass


def unclaimed(blocks: Iterable[Block], claimed: Iterable[str]) -> list[str]:
    """Return the first line of each block that no test claims, with its page."""
    starts = tuple(claimed)
    return [
        f"{it.page.name}: {it.text.splitlines()[0]}"
        for it in blocks
        if not it.text.startswith(starts)
    ]


def inline_commands(page: Path) -> tuple[str, ...]:
    """Return the commands in the text and the tables of a page, outside of its blocks."""
    return tuple(_INLINE.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))))


def renewed(shown: Iterable[str], printed: Iterable[str]) -> list[str]:
    """Return the shown lines as they are printed now; what is left out stays left out.

    Each run of shown lines begins where its first line is printed, whatever its numbers are.
    """
    first, *others = _runs(shown)
    now = list(printed)
    lines, left = now[: len(first)], now[len(first) :]
    for run in others:
        start = _find(run, left)
        lines += [LEFT_OUT, *left[start : start + len(run)]]
        left = left[start + len(run) :] if run else []
    return [*lines, *left]


def _runs(shown: Iterable[str]) -> list[list[str]]:
    """Return the lines between those that are left out."""
    runs: list[list[str]] = [[]]
    for line in shown:
        if line == LEFT_OUT:
            runs.append([])
        else:
            runs[-1].append(line)
    return runs


def _find(run: list[str], printed: list[str]) -> int:
    """Return where the first line of a run that is not empty is printed; the end if nowhere."""
    place, anchor = next(((at, it) for at, it in enumerate(run) if it), (0, ""))
    found = (at for at, it in enumerate(printed) if _form(it) == _form(anchor))
    return max(next(found, len(printed)) - place, 0)


def alike(shown: str, printed: str) -> bool:
    """Tell whether a shown line is the printed one, but for sizes that are a little off."""
    one, other = _FREE.sub("", shown), _FREE.sub("", printed)
    if _form(one) != _form(other):
        return False
    return all(map(_near, _NUMBER.findall(one), _NUMBER.findall(other)))


def _form(line: str) -> str:
    return " ".join(_NUMBER.sub("#", line).split())


def _near(shown: str, printed: str) -> bool:
    if shown == printed:
        return True
    share = "%" in shown
    if not share and "," not in shown:  # sizes are written with commas
        return False
    one, other = (float(it.strip("%").replace(",", "")) for it in (shown, printed))
    return abs(one - other) <= (1 if share else max(TOLERANCE * one, _SMALL))


def differences(shown: Iterable[str], printed: Iterable[str]) -> list[str]:
    """Return what is shown otherwise than it is printed; both are lists of lines."""
    lines = list(shown)
    now = renewed(lines, printed)
    different = [
        f"{one!r} is printed as {other!r}"
        for one, other in zip(lines, now, strict=False)
        if not alike(one, other)
    ]
    if len(lines) != len(now):
        different.append(f"{len(lines)} lines are shown, {len(now)} are printed")
    return different


def rewrite(shown: Block, printed: Iterable[Iterable[str]]) -> None:
    """Write what the commands of a transcript print now to its page."""
    text = "".join(
        f"{_PROMPT}{command}\n" + "".join(f"{it}\n" for it in renewed(lines, now))
        for (command, lines), now in zip(shown.steps, printed, strict=True)
    )
    page = shown.page.read_text(encoding="utf-8")
    shown.page.write_text(page.replace(shown.text, text), encoding="utf-8")
