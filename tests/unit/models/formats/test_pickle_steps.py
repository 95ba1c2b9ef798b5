"""Pickles taken apart and put together again, with and without some of their instructions."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.models.formats.pickle_steps import HEAD, renumbered, steps, text_step
from builder.models.formats.pickles import read_pickle

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(value=VALUES)
def test_instructions_make_up_the_pickle(value: Any) -> None:
    written = pickle.dumps(value, protocol=2)
    read = list(steps(written))
    assert HEAD + b"".join(it.raw for it in read) == written
    again = renumbered(read)
    assert repr(read_pickle(again).value) == repr(read_pickle(written).value)


def test_what_is_recalled_has_its_text() -> None:
    read = list(steps(pickle.dumps(["same", "other", "same"][:2] * 2, protocol=2)))
    assert [it.text for it in read if it.text] == ["same", "other", "same", "other"]
    assert [it.text for it in read if it.recalls] == ["same", "other"]


def test_numbers_stay_without_gaps_when_something_is_left_out() -> None:
    """Torch's reader counts what is remembered, whatever its number says."""
    name, kept = b"ctorch\ndevice\n", text_step("kept")
    written = HEAD + b"(" + name + b"q\x00" + kept + b"q\x01" + b"h\x01" + b"t."
    read = list(steps(written))
    assert [it.name for it in read if it.name] == ["torch.device"]
    made = renumbered([None if it.name or it.raw == b"q\x00" else it for it in read])
    assert made == HEAD + b"(" + kept + b"q\x00" + b"h\x00" + b"t."


@pytest.mark.parametrize("count", [255, 256, 257])
def test_numbers_of_four_bytes(count: int) -> None:
    texts = [f"text {number}" for number in range(count)]
    written = pickle.dumps(texts * 2, protocol=2)
    assert read_pickle(renumbered(list(steps(written)))).value == texts * 2
