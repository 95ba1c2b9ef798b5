import pytest

from builder.report.budgets import growers_text, judge
from builder.report.difference import compare
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Budget, Limit, Metric
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report

ARM = make_target(Platform.ANDROID, Abi.ARM64_V8A)
REPORT = make_report(ARM, 2_300_000, 900_000, operators={"aten::add": 200_000, "aten::mul": 10})


def budget(metric: Metric, *sizes: int, target: str = "") -> Budget:
    limits = tuple(
        Limit(it, f"reason {number}" if number else "") for number, it in enumerate(sizes)
    )
    return Budget(metric, limits, target)


def test_sizes_are_held_against_the_last_limit() -> None:
    found = judge(
        REPORT, [budget(Metric.INSTALLED, 1, 2_300_000), budget(Metric.DOWNLOAD, 899_999)], None
    )
    assert [(it.size, it.kept) for it in found] == [(2_300_000, True), (900_000, False)]


def test_a_budget_of_the_target_comes_before_one_for_all() -> None:
    own = budget(Metric.INSTALLED, 3_000_000, target="android-arm64-v8a")
    other = budget(Metric.INSTALLED, 1, target="android-x86")
    everybody = budget(Metric.INSTALLED, 1)
    for order in ([own, everybody, other], [everybody, other, own]):
        (found,) = judge(REPORT, order, None)
        assert found.budget is own


@pytest.mark.parametrize(
    ("target", "told"),
    [("", "there are 2 budgets"), ("android-arm64-v8a", "android-arm64-v8a has 2 budgets")],
)
def test_two_budgets_of_one_thing_are_refused(target: str, told: str) -> None:
    two = [budget(Metric.INSTALLED, it, target=target) for it in (3_000_000, 10)]
    with pytest.raises(UsageError, match=f"{told} of installed") as caught:
        list(judge(REPORT, two, None))
    assert "--budget installed=SIZE" in caught.value.hint


def test_growth_is_measured_from_a_base() -> None:
    base = make_report(ARM, 2_299_000, 900_000, operators={"aten::add": 199_000})
    difference = compare(REPORT, base)
    (found,) = judge(REPORT, [budget(Metric.GROWTH, 999)], difference)
    assert (found.size, found.kept) == (1000, False)
    assert "aten::add  +1,000" in growers_text(REPORT, difference)
    with pytest.raises(UsageError, match="needs something to grow from"):
        list(judge(REPORT, [budget(Metric.GROWTH, 999)], None))


def test_the_history_of_a_budget_is_told() -> None:
    sizes = (2_000_000, 3_000_000, 2_500_000, 2_500_000)
    (found,) = judge(REPORT, [budget(Metric.INSTALLED, *sizes)], None)
    assert str(found).splitlines() == [
        "android24-arm64-v8a keeps its budget: installed 2,300,000 of 2,500,000 bytes (92.0%)",
        "    set to 2,000,000",
        "    raised to 3,000,000: reason 1",
        "    lowered to 2,500,000: reason 2",
        "    kept at 2,500,000: reason 3",
    ]


def test_the_history_of_a_budget_may_begin_with_nothing() -> None:
    difference = compare(REPORT, REPORT)
    (found,) = judge(REPORT, [budget(Metric.GROWTH, 0, 10)], difference)
    assert str(found).splitlines()[1:] == ["    set to 0", "    raised to 10: reason 1"]


def test_without_a_base_the_largest_operators_are_named() -> None:
    assert growers_text(REPORT, None).splitlines() == [
        "  cost most alone:", "    aten::add  200,000", "    aten::mul  10",
    ]  # fmt: skip
    assert not growers_text(make_report(ARM, 10, 5), None)
