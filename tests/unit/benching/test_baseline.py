import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.benching.baseline import Change, Subject, Verdict, chance_of, read_baseline
from builder.benching.figures import Row
from builder.vocabulary.errors import UsageError
from tests.unit.benching.forge import sample

TIMES = st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0]), min_size=1, max_size=12)


NET = Subject("linux-x86_64", "net", "natively", "float32[1]")
SAMPLES = {"cpu_us": [1.0], "wall_us": [1.0]}


def result(**other: Any) -> dict[str, Any]:
    row = Row(1, tuple(sample(it, wall=2 * it) for it in range(10, 19))).document()
    return {**NET.document(), "rows": [row], **other}


def write(folder: Path, document: object) -> Path:
    path = folder / "base.json"
    path.write_text(json.dumps(document))
    return path


@given(TIMES, TIMES)
def test_a_chance_is_the_same_from_both_sides(one: list[float], other: list[float]) -> None:
    chance = chance_of(one, other)
    assert 0 < chance <= 1
    assert chance == pytest.approx(chance_of(other, one))
    assert chance_of(one, one) == 1


@given(TIMES, TIMES, st.sampled_from([0.1, 2.0, 1000.0]))
def test_only_ranks_count(one: list[float], other: list[float], scale: float) -> None:
    longer = [[scale * it * it for it in each] for each in (one, other)]
    assert chance_of(*longer) == pytest.approx(chance_of(one, other))


@pytest.mark.parametrize(
    ("one", "other", "chance"),
    [
        (range(1, 10), range(10, 19), 0.000412),
        (range(1, 4), range(4, 7), 0.081),
        ([1, 3, 5, 7, 9], [2, 4, 6, 8, 10], 0.676),
        ([1, 1, 2], [1, 2, 2], 0.619),
    ],
)
def test_chances_are_those_of_the_textbook(one: Any, other: Any, chance: float) -> None:
    """On paper, as by wilcox.test(one, other, exact=FALSE, correct=TRUE) of R."""
    assert chance_of([*one], [*other]) == pytest.approx(chance, rel=0.005)


def test_what_differs_in_all_rounds_is_told_and_little_is_noise() -> None:
    then = [float(it) for it in range(100, 109)]
    assert Change.of([0.9 * it for it in then], then).verdict is Verdict.BETTER
    assert Change.of([1.2 * it for it in then], then).verdict is Verdict.WORSE
    assert Change.of([1.01 * it for it in then], then).verdict is Verdict.NOISE


def test_an_outlier_counts_no_more_than_its_rank() -> None:
    then = [float(it) for it in range(100, 109)]
    assert Change.of([*then[:-1], 1e9], then).verdict is Verdict.NOISE


def test_a_result_is_read_again(tmp_path: Path) -> None:
    base = read_baseline(write(tmp_path, result()), NET)
    base.refuse_without([1], 9)
    row = Row(1, tuple(sample(it, wall=2 * it) for it in range(20, 38, 2)))
    assert {name: it.ratio for name, it in base.changes(row).items()} == {
        "cpu_us": 2, "wall_us": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "is no earlier result"),
        ({}, "is no earlier result"),
        (result(rows=[{"threads": 1}]), "without the times of its rounds"),
        (
            result(rows=[{"threads": 1, "samples": {"cpu_us": ["a"], "wall_us": []}}]),
            "is no earlier",
        ),
        (result(rows=[{"threads": 1, "samples": {"cpu_us": [], "wall_us": []}}]), "without times"),
        (
            result(rows=[{"threads": 1, "samples": {"cpu_us": [0], "wall_us": [1]}}]),
            "without times",
        ),
        (result(rows=[{"threads": math.inf, "samples": SAMPLES}]), "is no earlier result"),
        (result(rows=[{"threads": 1, "samples": {**SAMPLES, "cpu_us": [10**400]}}]), "no earlier"),
        *(
            (result(rows=[{"threads": 1, "samples": {**SAMPLES, "cpu_us": [1.0, it]}}]), "without")
            for it in (math.nan, math.inf)
        ),
        (result(model="other"), "is of another model: other, and not net"),
        (result(target="linux-x86"), "is of another target: linux-x86, and not linux-x86_64"),
        (result(runner="by adb on ONE"), "is of another runner: by adb on ONE, and not natively"),
        (result(inputs="float32[2]"), r"is of other inputs: float32\[2\], and not float32\[1\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, document: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_baseline(write(tmp_path, document), NET)


@pytest.mark.parametrize(("then", "now"), [(5, 5), (3, 9), (9, 3), (1, 100)])
def test_rounds_that_could_tell_nothing_are_refused(tmp_path: Path, then: int, now: int) -> None:
    """Whatever they were, all would be noise."""
    samples = {"cpu_us": [1.0] * then, "wall_us": [1.0] * then}
    document = result(rows=[{"threads": 1, "samples": samples}])
    base = read_baseline(write(tmp_path, document), NET)
    told = f"too few rounds: {now} now and {then} in .*base.json"
    with pytest.raises(UsageError, match=told) as raised:
        base.refuse_without([1], now)
    assert raised.value.hint == "measure both with --rounds 6 or more"


@pytest.mark.parametrize(("then", "now"), [(6, 6), (4, 9)])
def test_as_many_rounds_as_can_tell_are_taken(tmp_path: Path, then: int, now: int) -> None:
    samples = {"cpu_us": [1.0] * then, "wall_us": [1.0] * then}
    document = result(rows=[{"threads": 1, "samples": samples}])
    read_baseline(write(tmp_path, document), NET).refuse_without([1], now)
    slower = [float(it) for it in range(10, 10 + now)]
    assert Change.of(slower, [float(it) for it in range(then)]).verdict is Verdict.WORSE


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: No such file or directory"):
        read_baseline(tmp_path / "gone.json", NET)
