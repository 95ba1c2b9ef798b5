"""What a library leaves out is out, and what stands in for the rest of it is in."""

import json
from collections.abc import Callable
from typing import Final

import pytest

from tests.e2e.real import Runtime

Make = Callable[[str, str], Runtime]

REPLACED: Final = {
    "schemas": "pytorch/torch/csrc/jit/frontend/function_schema_parser.cpp",
}
"""Sources of native/src/cuts, and the file of upstream that has nothing left to do."""


def objects_of(runtime: Runtime) -> dict[str, int]:
    """Return the bytes of each object in a library, by its source."""
    path = runtime.prefix / "share/build_runtime/size-report.json"
    objects = json.loads(path.read_text(encoding="utf-8"))["objects"]
    return {it["name"].removesuffix(".o"): it["size"] for it in objects}


@pytest.mark.parametrize("name", ["classifier", "control_flow"])
def test_what_stands_in_is_linked_and_what_it_replaces_is_not(name: str, runtime: Make) -> None:
    objects = objects_of(runtime(name, "x86_64"))
    for ours, theirs in REPLACED.items():
        assert f"native/src/cuts/{ours}.cpp" in objects
        assert theirs not in objects
    assert "native/src/cuts/dense.cpp" in objects


def test_a_quantized_model_gets_functions_for_all_layouts(runtime: Make) -> None:
    assert "native/src/cuts/dense.cpp" not in objects_of(runtime("quantized", "x86_64"))
