import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.compilation.shared.launching.hits import Statistics, of_ccache, of_sccache
from tests.places import TESTS

RECORDED = TESTS / "recorded" / "launchers"


def test_what_sccache_tells_is_read() -> None:
    text = (RECORDED / "sccache-0.16.json").read_text()
    assert of_sccache(text) == Statistics(requests=16, hits=10, errors=2)


def test_what_ccache_logs_is_read() -> None:
    text = (RECORDED / "ccache-4.7.log").read_text()
    assert of_ccache(text) == Statistics(requests=3, hits=1, errors=1)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stats": 1}', '{"stats": {"cache_hits": []}}'])
def test_what_is_no_statistics_tells_nothing(text: str) -> None:
    assert of_sccache(text) is None
    assert of_ccache(text) == Statistics(0, 0, 0)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert of_sccache(text) is None
    assert of_ccache(text).hits <= of_ccache(text).requests
