"""What a library leaves out is out, and what stands in for the rest of it is in."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import torch

from builder.vocabulary.value_files import Failure, Tensor, Value
from tests.e2e.real import Runtime, Tool, built

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, about TorchScript's age

Make = Callable[[str, str], Runtime]

REPLACED: Final = {
    "gradients": "pytorch/torch/csrc/autograd/autograd_meta.cpp",
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


class Asking(torch.nn.Module):
    """Tells who asks for gradients, and selects."""

    buffer: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.asks = torch.nn.Parameter(torch.ones(2, 3))
        self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("buffer", torch.ones(3))

    def forward(
        self, x: torch.Tensor, at: int, number: torch.Tensor
    ) -> tuple[tuple[bool, bool, bool], bool, torch.Tensor, float]:
        asking = (self.asks.requires_grad, self.frozen.requires_grad, self.buffer.requires_grad)
        later = self.asks.detach().requires_grad
        return asking, later, torch.select(x, 0, at) + self.asks + self.frozen, float(number)


@pytest.fixture
def asking(tool: Tool, tmp_path: Path) -> Runtime:
    torch.jit.script(Asking()).save(str(tmp_path / "asking.pt"))  # type: ignore[no-untyped-call]
    words = ("asking.pt", "--abi", "x86_64", "--rewrite", "off", "--no-verify", "-o", "dist")
    (made,) = built(tool.run(*words, "--json", cwd=tmp_path), tmp_path / "dist")
    return made


def ones(*shape: int) -> Tensor:
    return Tensor("float32", shape, np.ones(shape, np.float32).tobytes())


def test_parameters_ask_for_gradients_and_bad_indices_are_told_as_by_upstream(
    asking: Runtime, tmp_path: Path
) -> None:
    cases: list[tuple[Value, ...]] = [
        (ones(2, 2, 3), 1, ones(1)), (ones(2, 2, 3), -2, ones()), (ones(2, 2, 3), 2, ones(1)),
        (ones(), 0, ones(1)), (ones(2, 2, 3), 0, ones(2)),
    ]  # fmt: skip
    answers = asking.run_cases(asking.model("asking"), cases, tmp_path)
    sums = Tensor("float32", (2, 3), np.full((2, 3), 3, np.float32).tobytes())
    assert answers[:2] == [((True, False, False), False, sums, 1.0)] * 2
    failed = [it.message.partition(": ")[2] for it in answers[2:] if isinstance(it, Failure)]
    assert failed == [
        'false"INDEX" CHECK FAILED at "native/TensorShape.cpp"',
        'false"INDEX" CHECK FAILED at "native/TensorShape.cpp"',
        "numel == 1 does not hold (native/Scalar.cpp)",
    ]


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
