"""Samples, and programs that tell them."""

import json
from pathlib import Path
from typing import Any, Final

from builder.benching.figures import Sample
from builder.benching.programs import Program

PROGRAM: Final = Program((), Path("/dist/bin/build-runtime-run"), Path("/net.ptl"), Path("/inputs"))


def sample(cpu: float, wall: float = 100.0) -> Sample:
    return Sample(
        cpu=cpu, wall=wall, p90=2 * wall, p99=3 * wall, load=2000.0, first=300.0, peak=4096
    )


def told(it: Sample) -> str:
    """Return what `build-runtime-run --bench` prints."""
    summary: dict[str, Any] = {
        "cpu_us": {"median": it.cpu},
        "latency_us": {"median": it.wall, "p90": it.p90, "p99": it.p99},
        "load_us": it.load,
        "first_us": it.first,
        "peak_rss_kib": it.peak,
    }
    return json.dumps(summary)
