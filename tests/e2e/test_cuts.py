"""What a library leaves out is out, and what stands in for the rest of it is in."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.real import Runtime, Tool

Make = Callable[[str, str], Runtime]

REPLACED: Final = {
    "checksum": "pytorch/caffe2/serialize/crc.cc",
    "names": "pytorch/aten/src/ATen/core/register_symbols.cpp",
    "schemas": "pytorch/torch/csrc/jit/frontend/function_schema_parser.cpp",
}
"""Sources of native/src/cuts, and the file of upstream that has nothing left to do."""

PREFILLED: Final = ("namespaces", "prim")
"""The namespaces whose names have the numbers that upstream's constants have."""

NAMED: Final = {
    ("torch/csrc/jit/runtime/operator.cpp", "aten::wait"),
    ("torch/csrc/jit/runtime/operator.cpp", "onnx::Reshape"),
    ("torch/csrc/jit/runtime/operator.cpp", "onnx::Shape"),
}
"""Constants in sets that are asked about operators with any number of results: those of `prim`."""

_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_NAMED_BY_MACRO: Final = re.compile(r"\bDEFINE_\w+\(\s*\w+::\w+")
"""A macro that makes a text of the name it is given."""
_TEXT: Final = re.compile(r'"(?:\\.|[^"\\\n])*"')


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
    assert objects["pytorch/aten/src/ATen/core/dispatch/Dispatcher.cpp"] < 4096


def test_a_quantized_model_gets_functions_for_all_layouts(runtime: Make) -> None:
    assert "native/src/cuts/dense.cpp" not in objects_of(runtime("quantized", "x86_64"))


def constants(folder: Path, spaces: re.Pattern[str]) -> Iterator[str]:
    """Yield the names that a source of upstream writes as constants, not in texts or comments."""
    code = folder.read_text(encoding="utf-8", errors="replace")
    for ignored in (_COMMENT, _TEXT, _NAMED_BY_MACRO):
        code = ignored.sub(" ", code)
    yield from (it[1] for it in spaces.finditer(code))


@pytest.mark.parametrize("name", ["classifier", "control_flow", "lstm_text", "quantized"])
def test_nothing_compares_with_the_number_of_a_name_that_has_none(
    name: str, runtime: Make, tool: Tool
) -> None:
    objects = objects_of(runtime(name, "x86_64"))
    (root,) = (tool.cache / "sources").glob("2.6.0-*/pytorch")
    header = (root / "aten/src/ATen/core/interned_strings.h").read_text(encoding="utf-8")
    spaces = set(re.findall(r"_\(namespaces, (\w+)\)", header)).difference(PREFILLED)
    assert {"aten", "attr", "onnx"} < spaces
    pattern = re.compile(rf"(?<![\w:])(?:at::|c10::)?((?:{'|'.join(sorted(spaces))})::\w+)")
    found = {
        (source, constant)
        for source in (it.removeprefix("pytorch/") for it in objects if it.startswith("pytorch/"))
        for constant in constants(root / source, pattern)
    }
    assert found <= NAMED
