"""All that README and `docs/` show is executed by a test, which claims it."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import (
    SHOWN,
    Block,
    alike,
    blocks_of,
    claims,
    differences,
    renewed,
    unclaimed,
)

BLOCKS: Final = [it for page in SHOWN for it in blocks_of(page)]
MOST_LINES: Final = 200
"""What somebody reads who wants to know whether this is for them."""

PRINTED: Final = ["Size", "", "  text  1,299,800  57.8%", "", "objects", "  a.o  9", "", "passed"]


def test_every_block_is_executed_by_a_test() -> None:
    assert not unclaimed(BLOCKS, claims()), "claim them with `block` where they are executed"


def test_every_claim_is_of_one_block() -> None:
    found = {it: [shown for shown in BLOCKS if shown.text.startswith(it)] for it in claims()}
    assert not {it: len(shown) for it, shown in found.items() if len(shown) != 1}


def test_every_block_says_what_it_is() -> None:
    known = {"console", "sh", "cpp", "cmake", "toml", "python", "yaml"}
    assert {it.language for it in BLOCKS} <= known


def test_the_readme_is_short_and_opens_with_what_there_is_not() -> None:
    lines = SHOWN[0].read_text(encoding="utf-8").splitlines()
    assert len(lines) < MOST_LINES
    opening = "\n".join(lines[:20])
    for word in ("not", "Linux", "Android", "iOS", "XNNPACK", "slower", "deprecated"):
        assert re.search(rf"\b{word}\b", opening), word


def test_a_block_that_nobody_claims_is_seen() -> None:
    blocks = [Block(Path("page.md"), "sh", text) for text in ("make\n", "make all\n", "ls\n")]
    assert unclaimed(blocks, ["make"]) == ["page.md: ls"]
    assert unclaimed(blocks, []) == ["page.md: make", "page.md: make all", "page.md: ls"]


def test_claims_are_found_in_the_text_of_tests(tmp_path: Path) -> None:
    text = 'x = block("$ make")\n@mark(y=[block("ls")])\ndef test_it(): other("cp"), block(name)\n'
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    assert sorted(claims(tmp_path)) == ["$ make", "ls"]


def test_the_steps_of_a_transcript_are_its_commands() -> None:
    shown = Block(Path("page.md"), "console", "$ ls\na\nb\n$ make\n")
    assert shown.steps == (("ls", ("a", "b")), ("make", ()))


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED,
        ["Size", "…"],
        ["…"],
        ["…", "passed"],
        ["…", "objects", "…", "", "passed"],
        ["Size", "", "  text  1,300,000  57.9%", "…", "", "objects", "…"],
    ],
)
def test_what_is_left_out_makes_no_difference(shown: list[str]) -> None:
    assert not differences(shown, PRINTED)


@pytest.mark.parametrize(
    "shown",
    [
        ["Size"],
        ["Size", "…", "failed"],
        ["Size", "", "  text  1,100,000  57.8%", "…"],
        ["Size", "", "  text  1,299,800  50.0%", "…"],
        ["Size", "", "  data  1,299,800  57.8%", "…"],
        [*PRINTED[:5], "  a.o  8", *PRINTED[6:]],
        ["…", "passed", "more"],
        ["objects", "…"],
        [],
    ],
)
def test_whatever_is_printed_otherwise_is_seen(shown: list[str]) -> None:
    assert differences(shown, PRINTED)


def test_sizes_are_renewed_where_they_stand() -> None:
    shown = ["Size", "", "  text  1,000,000  50.0%", "…", "", "objects", "…"]
    assert renewed(shown, PRINTED) == [*PRINTED[:3], "…", "", "objects", "…"]


def test_how_much_was_compiled_depends_on_the_cache() -> None:
    assert alike("7 operators, 226 objects: 0 compiled", "7 operators, 230 objects: 230 compiled")
    assert not alike("7 operators, 226 objects: 0 compiled", "8 operators, 226 objects: 0 compiled")
