import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.benching.figures import Peer, Ratio, Row, Sample
from tests.unit.benching.forge import sample

TIMES = st.floats(min_value=1e-3, max_value=1e9)


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    """A round in which the machine was busy for both is as good as any other."""
    pairs = [(10.0, 20.0), (1000.0, 2000.0), (9.0, 10.0)]
    assert Ratio.of(pairs) == Ratio(0.5, 0.5, 0.9)


@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=9))
def test_ratios_are_in_order_and_turn_over(pairs: list[tuple[float, float]]) -> None:
    one, other = Ratio.of(pairs), Ratio.of([(b, a) for a, b in pairs])
    assert one.least <= one.median <= one.most
    assert one.least * other.most == pytest.approx(1)


def test_a_row_tells_medians_and_most_memory() -> None:
    samples = (sample(10), sample(30), Sample(20, 50, 60, 70, 1000, 600, 8192))
    row = Row(2, samples)
    assert row.typical == Sample(
        cpu=20, wall=100, p90=200, p99=300, load=2000, first=300, peak=8192
    )
    assert row.settling == 3
    assert row.ratio("cpu") is None
    assert row.document()["against"] is None


def test_a_row_beside_a_peer_tells_both() -> None:
    row = Row(1, (sample(10), sample(20)), Peer("torch 2", (sample(20), sample(40))))
    told = row.document()["against"]
    assert told["cpu_ratio"] == {"median": 0.5, "least": 0.5, "most": 0.5}
    assert told["wall_ratio"]["median"] == 1
    assert told["cpu_us"] == 30


def test_a_sample_survives_its_document() -> None:
    assert Sample.parse(sample(1.25).document()) == sample(1.25)
    with pytest.raises(KeyError):
        Sample.parse({})
