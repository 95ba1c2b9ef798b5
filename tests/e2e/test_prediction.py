"""What is predicted before anything is compiled is what builds make."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.documents import validate
from tests.e2e.real import AS_EXPORTED, Runtime, Tool

Make = Callable[[str, str], Runtime]

LOG: Final = logging.getLogger(__name__)
OF_FILE: Final = 0.05


@pytest.mark.parametrize("name", [AS_EXPORTED, "classifier"])
def test_a_library_is_as_large_as_predicted(
    name: str, runtime: Make, tool: Tool, tmp_path: Path
) -> None:
    made = runtime(name, "x86_64")
    selection = made.prefix / "share/build_runtime/selected_operators.yaml"
    words = ("plan", selection, "--abi", "x86_64", "--platform", "linux", "--json")
    document = json.loads(tool.run(*words, cwd=tmp_path).stdout)
    validate("plan", document)
    (target,) = document["targets"]
    size, predicted = made.summary["library_bytes"], target["prediction"]
    LOG.info("%s: %d bytes, predicted %d", name, size, predicted["bytes"])
    assert predicted["least"] <= size <= predicted["most"]
    assert abs(predicted["bytes"] - size) <= OF_FILE * size
    costs = {it["name"]: it["alone"] for it in predicted["operators"]}
    report = json.loads((made.prefix / "share/build_runtime/size-report.json").read_text("utf-8"))
    dearest = max(report["operators"], key=lambda it: it["alone"])
    assert costs[dearest["name"]] == pytest.approx(dearest["alone"], rel=0.25)
