"""What we say of the pinned release is what its sources say."""

import re
from pathlib import Path

import pytest

from builder.libtorch.codegen import pinned_catalogue
from builder.models.preflight.interpreter import read_interpreter
from builder.models.selection import UPGRADED
from builder.vocabulary.dtypes import DTYPES
from builder.vocabulary.operators import OperatorName
from tests.e2e.real import CLASSIFIER, Tool


@pytest.fixture
def pytorch(tool: Tool, tmp_path: Path) -> Path:
    tool.run("plan", CLASSIFIER, "--abi", "x86_64", cwd=tmp_path)  # fetches the sources
    (root,) = (tool.cache / "sources").glob("2.6.0-*/pytorch")
    return root


def test_the_interpreter_is_that_of_the_sources(pytorch: Path) -> None:
    told = read_interpreter("2.6.0")
    code = (pytorch / "torch/csrc/jit/runtime/instruction.cpp").read_text()
    table = re.search(r"supported_ops_in_mobile\[\] \{(.*?)\};", code, re.DOTALL)
    assert table is not None
    assert told.instructions == set(re.findall(r"\w+", table[1]))
    header = (pytorch / "caffe2/serialize/versions.h").read_text()
    found = {
        name: int(value, 16)
        for name, value in re.findall(r"(k(?:Min|Max)Supported\w+) = (0x\w+)L;", header)
    }
    versions = (found["kMinSupportedBytecodeVersion"], found["kMaxSupportedBytecodeVersion"])
    assert told.bytecode == versions
    sets = (found["kMinSupportedFileFormatVersion"], found["kMaxSupportedFileFormatVersion"])
    assert told.operator_sets == sets


def test_what_stands_in_for_old_operators_is_that_of_the_sources(pytorch: Path) -> None:
    code = (pytorch / "torch/csrc/jit/mobile/upgrader_mobile.cpp").read_text()
    stores = re.findall(
        r'registerFunc\(\s*"(\w+)",\s*std::vector<Instruction>\(\{\s*'
        r"Instruction\{OpCode::(STOREN?), 1, (\d+)\}",
        code,
    )
    takes = {name: int(count) if step == "STOREN" else 1 for name, step, count in stores}
    rows = re.findall(
        r'std::string\("(aten::[\w.]+)"\),\s*std::vector<Upgrader>\(\{\s*'
        r'Upgrader\(\{0, (\d+), "(\w+)", \d+\}\)\s*\}\)',
        code,
    )
    assert {name: (int(last), takes[function]) for name, last, function in rows} == UPGRADED


def test_the_dtypes_are_those_of_the_sources(pytorch: Path) -> None:
    header = (pytorch / "c10/core/ScalarType.h").read_text()
    rows = re.findall(r"_\(\S[^)]*?, (\w+)\) /\* (\d+) \*/", header)
    assert [(name, int(number)) for name, number in rows] == [(it.name, it.number) for it in DTYPES]


def test_every_native_function_is_in_the_catalogue(pytorch: Path) -> None:
    text = (pytorch / "aten/src/ATen/native/native_functions.yaml").read_text()
    names = {
        OperatorName.parse(f"aten::{name}")
        for name in re.findall(r"^- func: ([\w.]+)\(", text, re.MULTILINE)
    }
    assert len(names) > 2000
    assert names <= pinned_catalogue("2.6.0").entries.keys()
