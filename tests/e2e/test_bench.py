"""`bench` on a real runtime: figures that hang together, and every operator of the model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import validate
from tests.e2e.real import CLASSIFIER, CLASSIFIER_SHAPE, Runtime, Tool
from tests.native.fake_ndk import make_fake_adb


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


def test_a_device_is_measured_by_adb(
    runtime: Callable[[str, str], Runtime], tool: Tool, tmp_path: Path
) -> None:
    """The device is a folder of this machine, so a runtime for Linux does."""
    made = runtime("classifier", "x86_64")
    tools = tmp_path / "tools"
    tools.mkdir()
    device = make_fake_adb(tools)
    words = ("bench", made.prefix, CLASSIFIER, *CLASSIFIER_SHAPE, "--json")
    there = (*words, "--rounds", "6", "--runner", "adb:FAKE01")
    env = {"PATH": f"{tools}:{tool.env()['PATH']}"}
    done = tool.run(*there, cwd=tmp_path, env=env)
    validate("bench", done.document)
    assert done.document["runner"] == "by adb on FAKE01"
    assert done.document["rows"][0]["wall_us"] > 0
    assert "push" in (tools / "asked").read_text()
    assert not any(device.iterdir()), "nothing is left behind"
    (tmp_path / "base.json").write_text(done.stdout)
    again = tool.run(*there, "--base", "base.json", cwd=tmp_path, env=env)
    validate("bench", again.document)
    (change,) = again.document["base"]["changes"]
    assert 0 <= change["cpu_us"]["chance"] <= 1
    few = (*there[:-3], "2", *there[-2:], "--base", "base.json")
    refused = tool.run(*few, cwd=tmp_path, env=env, expect=2)
    assert "too few rounds: 2 now and 6 in " in refused.stderr + refused.stdout
    refused = tool.run(*words, "--base", "base.json", cwd=tmp_path, expect=2)
    assert "another runner: by adb on FAKE01" in refused.stderr + refused.stdout
