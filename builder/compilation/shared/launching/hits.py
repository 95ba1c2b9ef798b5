"""What launchers tell of their caches."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_HIT: Final = frozenset({"direct_cache_hit", "preprocessed_cache_hit"})
_RESULT: Final = re.compile("[a-z_]+")


@dataclass(frozen=True, slots=True)
class Statistics:
    """How often a launcher was asked for an object, had it, and could not ask its cache."""

    requests: int
    hits: int
    errors: int


def of_sccache(text: str) -> Statistics | None:
    """Read `sccache --show-stats --stats-format json`; None where it is nothing of the kind."""
    try:
        stats: Mapping[str, Any] = json.loads(text)["stats"]
        hits = sum(map(int, stats["cache_hits"]["counts"].values()))
        misses = sum(map(int, stats["cache_misses"]["counts"].values()))
        faults = sum(map(int, stats["cache_errors"]["counts"].values()))
        others = sum(int(stats[it]) for it in ("cache_read_errors", "cache_write_errors"))
        timeouts = int(stats["cache_timeouts"])
        refused = int(stats["requests_not_cacheable"]) + int(stats["non_cacheable_compilations"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return Statistics(hits + misses + refused, hits, faults + others + timeouts)


def of_ccache(text: str) -> Statistics:
    """Read what ccache wrote to `$CCACHE_STATSLOG`: of each call a comment, then its results."""
    calls: list[set[str]] = []
    for line in text.splitlines():
        if line.startswith("#"):
            calls.append(set())
        elif calls and _RESULT.fullmatch(line):
            calls[-1].add(line)
    asked = [it for it in calls if "called_for_link" not in it]
    return Statistics(
        requests=len(asked),
        hits=sum(bool(it & _HIT) for it in asked),
        errors=sum(any("error" in name or "timeout" in name for name in it) for it in asked),
    )
