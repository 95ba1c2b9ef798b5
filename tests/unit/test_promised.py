"""The promised sizes: growth needs a reason, and the file says what was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.promised import SPARE, Size, complaint, read, renewed, write

KNOWN = {"net arm64-v8a": (Size(2_000_000, "the first"),)}
NAME = "net arm64-v8a"


def test_what_is_promised_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    history = read()
    assert len(history) == 3
    assert all(it.reason and it.bytes > 0 for sizes in history.values() for it in sizes)
    write(history, tmp_path / "sizes.json")
    assert read(tmp_path / "sizes.json") == history


@given(st.integers(-5000, 5000))
def test_a_change_of_more_than_a_kilobyte_is_told(grown: int) -> None:
    told = complaint(KNOWN, NAME, 2_000_000 + grown)
    assert ("more than" in told) == (grown > SPARE)
    assert ("promise them" in told) == (grown < -SPARE)


def test_small_growth_does_not_add_up() -> None:
    history = renewed(KNOWN, NAME, 2_000_900, "")
    assert history == KNOWN
    assert complaint(history, NAME, 2_001_800)


def test_what_is_not_promised_is_told() -> None:
    assert complaint(KNOWN, "other x86", 1) == "other x86 has 1 bytes, and nothing is promised"


@pytest.mark.parametrize("reason", ["", "  "])
def test_growth_asks_for_a_reason(reason: str) -> None:
    with pytest.raises(ValueError, match=r"2,001,001 bytes: 1,001 more than .*: say why"):
        renewed(KNOWN, NAME, 2_001_001, reason)


def test_a_history_keeps_what_was_and_why() -> None:
    grown = renewed(KNOWN, NAME, 2_100_000, "kernels for dilated convolutions")
    assert grown[NAME] == (*KNOWN[NAME], Size(2_100_000, "kernels for dilated convolutions"))
    smaller = renewed(grown, NAME, 1_900_000, "")
    assert smaller[NAME][-1] == Size(1_900_000, "smaller")
    assert renewed(smaller, NAME, 1_900_000, "") == smaller
