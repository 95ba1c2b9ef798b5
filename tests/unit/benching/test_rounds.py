from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from builder.benching.figures import Sample
from builder.benching.rounds import runs_per_round, take_turns, timed
from builder.foundation.process import Host
from tests.conftest import FakeRunner
from tests.unit.benching.forge import PROGRAM, sample, told


@given(st.floats(min_value=0, max_value=1e9))
def test_a_round_is_long_enough_and_soon_over(run: float) -> None:
    runs = runs_per_round(run)
    assert 3 <= runs <= 1000
    assert runs == 1000 or runs * run >= 200_000


def test_who_begins_changes() -> None:
    order: list[str] = []

    def program(name: str) -> Callable[[], Sample]:
        def run() -> Sample:
            order.append(name)
            return sample(len(order))

        return run

    ours, theirs = take_turns((program("a"), program("b")), 3)
    assert "".join(order) == "abbaab"
    assert [it.cpu for it in ours] == [1, 4, 5]
    assert [it.cpu for it in theirs] == [2, 3, 6]


def test_how_many_runs_a_round_has_is_tried_out(host: Host, runner: FakeRunner) -> None:
    runner.answer("build-runtime-run", told(sample(1, wall=20_000)))
    run = timed(PROGRAM, 1, host)
    run()
    run()
    assert [it.argv[it.argv.index("--bench") + 1] for it in runner.commands] == ["1", "10", "10"]
