from datetime import timedelta

import pytest

from builder.foundation.amounts import parse_age, parse_budget, parse_limit, parse_size
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Budget, Limit, Metric


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("1500", 1500), ("5G", 5_000_000_000), ("5 GB", 5_000_000_000),
        ("1.5m", 1_500_000), ("2KiB", 2048), ("1Ti", 1 << 40), (" 7k ", 7000),
    ],
)  # fmt: skip
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "G", "-5G", "5X", "5iB", "1e9", "5,5G", "9" * 16, "\N{ARABIC-INDIC DIGIT FIVE}G"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a size") as caught:
        parse_size(text)
    assert "5G" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("12h", timedelta(hours=12)), ("30d", timedelta(days=30)), ("4 W", timedelta(weeks=4)),
        ("0d", timedelta()),
    ],
)  # fmt: skip
def test_ages_are_durations(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30days", "9999999d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an age") as caught:
        parse_age(text)
    assert "30d" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "metric", "size"),
    [
        ("2.2MB", Metric.INSTALLED, 2_200_000), ("2MiB", Metric.INSTALLED, 2 << 20),
        ("download=900kB", Metric.DOWNLOAD, 900_000), ("growth = 10k", Metric.GROWTH, 10_000),
    ],
)  # fmt: skip
def test_a_budget_is_a_size_and_what_it_limits(text: str, metric: Metric, size: int) -> None:
    assert parse_budget(text) == Budget(metric, (Limit(size),))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0", "allows nothing"),
        ("-1", "not a size"),
        ("=5", "unknown metric ''"),
        (" =5", "unknown metric ''"),
        ("weight=5", "unknown metric 'weight'"),
    ],
)
def test_a_budget_allows_something_of_a_known_metric(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_budget(text)


def test_a_limit_is_no_less_than_a_byte() -> None:
    for metric in (Metric.INSTALLED, Metric.DOWNLOAD):
        assert parse_limit("1", metric) == 1
        with pytest.raises(UsageError, match=r"a budget of 0\.1 allows nothing"):
            parse_limit("0.1", metric)


def test_nothing_may_be_allowed_to_grow() -> None:
    assert parse_limit("0", Metric.GROWTH) == 0
    assert parse_budget("growth=0") == Budget(Metric.GROWTH, (Limit(0),))
