"""What we say of the pinned release is what its sources say."""

import lzma
import re
from pathlib import Path
from typing import Final

import pytest

from builder.foundation.resources import DATA
from builder.libtorch.candidates import find_candidates
from builder.libtorch.catalogue import Catalogue, parse_registrar
from builder.libtorch.codegen import REGISTRARS, pinned_catalogue
from builder.libtorch.kernels import own_kernels
from builder.models.preflight.interpreter import read_interpreter
from builder.models.selection import UPGRADED
from builder.vocabulary.dtypes import DTYPES
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.targets import Abi, Platform, make_target
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


def test_what_we_implement_has_the_schemas_of_the_sources(pytorch: Path) -> None:
    code = (pytorch / "aten/src/ATen/native/xnnpack/RegisterOpContextClass.cpp").read_text()
    packed, others = set[str](), set[str]()
    for source, schemas in own_kernels().items():
        (packed if source == "native:src/kernels/prepacked.cpp" else others).update(schemas)
    assert packed == {it.schema for it in parse_registrar(code, "")}
    (path,) = (DATA / "2.6.0").glob("operators-*.json.xz")
    catalogue = Catalogue.from_json(lzma.decompress(path.read_bytes()).decode())
    assert others < {it.schema for it in catalogue.entries.values()}


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


QUANTIZED = "aten/src/ATen/native/quantized/cpu"
ENGINES = (
    "qlinear.cpp",
    "qlinear_prepack.cpp",
    "qlinear_dynamic.cpp",
    "qconv.cpp",
    "qconv_prepack.cpp",
)
OTHERS = re.compile(r"USE_FBGEMM|AT_MKLDNN_ENABLED\(\)")
IN_DEAD_BRANCHES = {
    "quantized::linear_dynamic_fp16", "quantized::linear_relu_dynamic_fp16",
    "quantized::linear_prepack_fp16", "_quantized::linear_prepack_fp16",
    "quantized::linear_prepack_fp16_legacy", "_quantized::linear_prepack_fp16_legacy",
    "quantized::linear_prepack_legacy",
}  # fmt: skip
"""What scripted int8 layers name and never call, and what files of torch 1.2 do."""


def without_other_engines(text: str) -> str:
    """Return C++ as the preprocessor leaves it where neither FBGEMM nor oneDNN is linked."""
    kept: list[str] = []
    stack: list[bool | None] = []  # None: a condition on something else, of which all is kept
    for line in text.splitlines():
        word = line.lstrip(" #").split(" ", 1)[0] if line.lstrip().startswith("#") else ""
        if word.startswith("if"):
            # what only an unstripped message needs is no engine
            plain = "||" in line or not OTHERS.search(line)
            stack.append(None if plain else word == "ifndef")
        elif word == "endif":
            stack.pop()
        elif word == "else" and stack[-1] is not None:
            stack[-1] = not stack[-1]
        elif not word and all(it is not False for it in stack):
            kept.append(line.partition("//")[0])
    return "\n".join(kept)


def body(text: str, start: int) -> str:
    """Return what stands between the next brace and the one that closes it."""
    first = text.index("{", start)
    depth = 0
    for at in range(first, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if not depth:
            return text[first : at + 1]
    raise AssertionError


def always_fails(text: str, function: str) -> bool:
    """Tell whether a kernel does nothing but fail. It is a function, or the `run` of a class."""
    name, _, method = function.partition("::")
    if method:
        name = name.partition("<")[0]
        inside = body(text, re.search(rf"class {name}\b[^;]*?\{{", text).start())  # type: ignore[union-attr]
        code = body(inside, re.search(rf"\b{method}\(", inside).start())  # type: ignore[union-attr]
    else:
        last = [*re.finditer(rf"\b{name}\((?=[^;]*?\{{)", text)][-1]
        code = body(text, last.start())
    return "return" not in code and bool(re.search(r"TORCH_CHECK\(\s*false,", code))


def test_what_is_refused_for_an_engine_always_fails_without_it(pytorch: Path) -> None:
    registered = re.compile(
        r'TORCH_SELECTIVE_NAME\("((?:_?quantized)::[\w.]+)"\),\s*(?:TORCH_FN\()?([\w:<>, ]+?)\)'
    )
    found: set[str] = set()
    for file in ENGINES:
        text = without_other_engines((pytorch / QUANTIZED / file).read_text())
        for place in re.finditer(r"TORCH_LIBRARY_IMPL\(_?quantized, (?:Quantized)?CPU, m\)", text):
            for name, function in registered.findall(body(text, place.end())):
                if always_fails(text, function):
                    found.add(name)
    text = without_other_engines((pytorch / "aten/src/ATen/native/QuantizedLinear.cpp").read_text())
    names = [str(it) for it in pinned_catalogue("2.6.0").entries]
    found |= {
        it
        for it in names
        if it.startswith("aten::fbgemm_")
        and always_fails(text, it.partition("::")[2].partition(".")[0])
    }
    told = read_interpreter("2.6.0")
    refused = {
        name
        for name in names
        if (it := told.needs(OperatorName.parse(name))) is not None
        and it.library in {"FBGEMM", "oneDNN"}
        and not name.startswith("onednn::")
    }
    assert refused == found - IN_DEAD_BRANCHES
    assert found >= IN_DEAD_BRANCHES


def test_the_weights_that_are_packed_are_those_of_the_sources(pytorch: Path) -> None:
    text = without_other_engines((pytorch / QUANTIZED / "fbgemm_utils.cpp").read_text())
    code = body(text, text.index("int register_linear_params() {"))
    (wanted,) = re.findall(r"weight.scalar_type\(\) == at::k(\w+)", code)
    (packing,) = read_interpreter("2.6.0").packings
    assert packing.name == "quantized.LinearPackedParamsBase"
    assert packing.dtypes == {wanted}


FULL_JIT: Final = frozenset({
    "torch/csrc/jit/runtime/graph_executor.cpp",
    "torch/csrc/jit/runtime/register_c10_ops.cpp",
    "torch/csrc/jit/runtime/register_cuda_ops.cpp",
    "torch/csrc/jit/runtime/register_distributed_ops.cpp",
    "torch/csrc/jit/runtime/register_prim_ops_fulljit.cpp",
    "torch/csrc/autograd/record_function_ops.cpp",
})  # fmt: skip
"""What compiles graphs, distributes and profiles: no kernel refers to it, so it is never linked."""


def test_all_files_that_register_with_the_interpreter_are_known(pytorch: Path) -> None:
    roots = {it.name: it for it in pytorch.parent.iterdir() if it.is_dir()}
    target = make_target(Platform.LINUX, Abi.X86_64)
    groups = find_candidates({"generated": pytorch, "native": pytorch, **roots}, target)
    sources = {it for group in groups if group.component == "pytorch" for it in group.sources}
    registers = re.compile(
        r"^RegisterOperators\b|^  static Registerer\b|^  torch::jit::registerOperator\(",
        re.MULTILINE,
    )
    found = {it for it in sources if registers.search((pytorch / it).read_text(errors="replace"))}
    assert found == FULL_JIT | set(REGISTRARS)


def test_every_operator_that_no_allow_list_is_asked_for_is_in_the_catalogue(pytorch: Path) -> None:
    unasked = pinned_catalogue("2.6.0").unasked
    for registrar in REGISTRARS:
        text = (pytorch / registrar).read_text()
        assert len(re.findall(r"\bOperator\(", text)) == len(unasked[registrar]), registrar
