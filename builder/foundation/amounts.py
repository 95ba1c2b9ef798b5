"""Amounts as people write them: sizes such as `5G`, and ages such as `30d`."""

import re
from datetime import timedelta
from typing import Final

from builder.vocabulary.errors import UsageError, did_you_mean
from builder.vocabulary.sizes import Budget, Limit, Metric

_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_AGE: Final = re.compile(r"([0-9]{1,6}) ?([hdw])", re.IGNORECASE)
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_size(text: str) -> int:
    """Return bytes: `5G` is 5,000,000,000, `5GiB` is 5 * 1024³, and a plain number is itself."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise UsageError(f"not a size: {text!r}", hint="write it like 500M, 5G or 5GiB")
    base = 1024.0 if found[3] else 1000.0
    return round(float(found[1]) * base ** _POWERS[found[2].lower()])


def parse_limit(text: str, metric: Metric) -> int:
    """Return the bytes that a budget allows; raise `UsageError` for less than one.

    Growth may be nothing: then nothing may be added.
    """
    size = parse_size(text)
    if size < 1 and metric is not Metric.GROWTH:
        raise UsageError(
            f"a budget of {text.strip()} allows nothing", hint="write it like 2.2MB or 900kB"
        )
    return size


def parse_budget(text: str) -> Budget:
    """Return a budget for all targets: `2.2MB`, or `METRIC=SIZE` such as `download=900kB`."""
    metric, named, size = text.rpartition("=")
    name = metric.strip() if named else Metric.INSTALLED
    if name not in set(Metric):
        raise UsageError(
            f"unknown metric {name!r}{did_you_mean(name, Metric)}",
            hint=f"write one of {', '.join(Metric)} before the =",
        )
    return Budget(Metric(name), (Limit(parse_limit(size, Metric(name))),))


def parse_age(text: str) -> timedelta:
    """Return how old something may be: hours `12h`, days `30d` or weeks `4w`."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"not an age: {text!r}", hint="write it like 12h, 30d or 4w")
    return int(found[1]) * _UNITS[found[2].lower()]
