"""`bench` on a real runtime: figures that hang together, and every operator of the model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import validate
from tests.e2e.real import CLASSIFIER, CLASSIFIER_SHAPE, Runtime, Tool


def test_a_runtime_is_measured_beside_torch(
    runtime: Callable[[str, str], Runtime], tool: Tool, tmp_path: Path
) -> None:
    made = runtime("classifier", "x86_64")
    words = ("--against", "torch", "--per-op", "--rounds", "3", "--json")
    document = tool.run(
        "bench", made.prefix, CLASSIFIER, *CLASSIFIER_SHAPE, *words, cwd=tmp_path
    ).document
    validate("bench", document)
    assert document["library_bytes"] == made.library.stat().st_size
    (row,) = document["rows"]
    against = row["against"]
    assert against["name"].startswith("torch 2.")
    assert 0 < row["wall_us"] < row["first_us"]
    # torch alone takes some hundred megabytes
    assert row["peak_kib"] < 50_000 < against["peak_kib"]
    assert against["cpu_ratio"]["median"] == pytest.approx(
        row["cpu_us"] / against["cpu_us"], rel=0.5
    )
    called = {it["name"] for it in document["operators"]}
    assert called == set(made.summary["operators"])
    assert all(it["calls"] >= 1 for it in document["operators"])
