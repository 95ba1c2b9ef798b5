import lzma
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Command, Completed, Host
from builder.libtorch.catalogue import Catalogue, make_catalogue, with_kernels
from builder.libtorch.codegen import generate_tree, read_catalogue
from builder.libtorch.kernels import own_kernels
from builder.vocabulary.errors import CompileError
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.plan import Component, GeneratedTree, Profile, SourceTree
from tests.conftest import FakeRunner

PROFILE = Profile(frozenset({"Float"}))
STRINGS = """\
#define FORALL_ATEN_BASE_SYMBOLS(_) \\
_(aten, add) \\
_(aten, forgotten) \\
_(attr, alpha) \\
_(attr, only_in_a_string) \\
_(prim, untouched)
"""
OPS = """
#include <ATen/ops/relu_quantizedcpu_dispatch.h>
#include <ATen/other.h>
struct TORCH_API relu {
  static constexpr const char* name = "aten::relu";
  static constexpr const char* overload_name = "";
  static constexpr const char* schema_str = "relu(Tensor self) -> Tensor";
};
"""


@pytest.fixture
def source(tmp_path: Path) -> SourceTree:
    root = tmp_path / "pytorch"
    for name, text in {
        "aten/src/ATen/native/native_functions.yaml": "- func: relu",
        "aten/src/ATen/x.cpp": 'f(aten::add); // and "attr::only_in_a_string"\n',
        "c10/y.h": "g(attr::alpha);",
        "torch/csrc/jit/mobile/promoted_prim_ops.cpp":
            'x = {\n  mobile::prim_op_fn_register("prim::TupleIndex", f)};',
        "torch/csrc/jit/runtime/register_prim_ops.cpp": "OP(add)",
        "torch/csrc/jit/runtime/register_special_ops.cpp": "OP(special)",
        "aten/src/ATen/native/RNN.cpp": "",
        "aten/src/ATen/native/quantized/library.cpp":
            'm.def(TORCH_SELECTIVE_SCHEMA("quantized::mul(Tensor qa) -> Tensor"));\n'
            'm.def(TORCH_SELECTIVE_SCHEMA("quantized::not_for_us(Tensor qa) -> Tensor"));',
        "aten/src/ATen/native/quantized/cpu/qmul.cpp":
            "TORCH_LIBRARY_IMPL(quantized, QuantizedCPU, m) {\n"
            'm.impl(TORCH_SELECTIVE_NAME("quantized::mul"), TORCH_FN(qmul));\n'
            'm.impl(TORCH_SELECTIVE_NAME("quantized::no_schema"), TORCH_FN(qmul));\n}\n',
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return SourceTree("9.9", "5" * 64, "here", (Component("pytorch", "9.9", "", "", root),))


@pytest.fixture
def torchgen(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """Let `python` write what torchgen would."""
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")

    def respond(command: Command) -> Completed:
        if "--install_dir" in command.argv:
            out = Path(command.argv[command.argv.index("--install_dir") + 1])
            (out / "core").mkdir(parents=True)
            (out / "core" / "aten_interned_strings.h").write_text(STRINGS)
            (out / "ops").mkdir()
            (out / "ops" / "relu_ops.h").write_text(OPS)
        return Completed(0, "", "")

    runner.answer_with("python", respond)
    return runner


def test_code_is_generated_once_for_a_source(
    source: SourceTree, torchgen: FakeRunner, host: Host
) -> None:
    tree = generate_tree(source, PROFILE, host)
    assert generate_tree(source, PROFILE, host) == tree
    gen, factories = torchgen.commands
    assert gen.argv[:3] == ("/venv/bin/python", "-m", "torchgen.gen")
    assert gen.argv[gen.argv.index("--static_dispatch_backend") + 1 :] == ("CPU",)
    assert gen.cwd == source.root("pytorch")
    assert gen.env["PYTHONPATH"] == str(source.root("pytorch"))
    assert gen.env["PYTHONDONTWRITEBYTECODE"] == "1", "the tree is read-only"
    assert factories.argv[1] == "-c"
    assert "operators: {}" in (tree.root / "nothing-selected.yaml").read_text()


def test_several_backends_are_dispatched_to_by_the_tensors(
    source: SourceTree, torchgen: FakeRunner, host: Host
) -> None:
    generate_tree(source, replace(PROFILE, backends=("CPU", "QuantizedCPU")), host)
    script, first, *_ = torchgen.commands[0].argv[1:]
    assert Path(script).read_text().startswith('"""Run the source\'s torchgen')
    assert first == "--source-path"
    assert torchgen.commands[0].argv[-2:] == ("CPU", "QuantizedCPU")


def test_names_nobody_mentions_are_not_interned(
    source: SourceTree, torchgen: FakeRunner, host: Host
) -> None:
    del torchgen
    tree = generate_tree(source, PROFILE, host)
    kept = (tree.root / "ATen" / "core" / "aten_interned_strings.h").read_text()
    assert [line for line in kept.splitlines() if line.startswith("_(")] == [
        "_(aten, add) \\", "_(attr, alpha) \\", "_(prim, untouched)",
    ]  # fmt: skip


def test_headers_that_the_generator_forgets_are_completed(
    source: SourceTree, torchgen: FakeRunner, host: Host
) -> None:
    del torchgen
    ops = generate_tree(source, PROFILE, host).root / "ATen" / "ops"
    assert (ops / "relu_quantizedcpu_dispatch.h").read_text() == "#pragma once\n"
    assert not list(ops.glob("other*"))


def test_other_sources_and_backends_have_trees_of_their_own(
    source: SourceTree, torchgen: FakeRunner, host: Host
) -> None:
    del torchgen
    trees = {
        generate_tree(source, PROFILE, host),
        generate_tree(replace(source, digest="6" * 64), PROFILE, host),
        generate_tree(source, replace(PROFILE, backends=("CPU", "QuantizedCPU")), host),
    }
    assert len({tree.root for tree in trees}) == 3
    assert generate_tree(source, Profile(frozenset({"Half"})), host) in trees


def test_a_failed_generation_leaves_nothing(
    source: SourceTree, runner: FakeRunner, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/venv/bin/python")
    runner.answer("python", stderr="ModuleNotFoundError: yaml\n", status=1)
    with pytest.raises(CompileError, match="code generation failed") as caught:
        generate_tree(source, PROFILE, host)
    assert "ModuleNotFoundError: yaml" in caught.value.message
    assert not [path for path in (host.cache / "generated").iterdir() if path.is_dir()]


@pytest.fixture
def generated(source: SourceTree, torchgen: FakeRunner, host: Host) -> GeneratedTree:
    del torchgen
    return generate_tree(source, PROFILE, host)


def expand(source: str) -> str:
    name = source.rpartition("/")[2].removesuffix(".cpp")
    return f'"aten::{name}" ".x(int a) -> int"'


def fail(source: str) -> str:
    raise AssertionError(source)


def names(catalogue: Catalogue) -> set[str]:
    return {str(name) for name in catalogue.entries}


def test_the_operators_of_an_unknown_source_are_read_once(
    source: SourceTree, generated: GeneratedTree, host: Host
) -> None:
    catalogue = read_catalogue(source, generated, expand, host)
    ours = names(with_kernels(make_catalogue([]), own_kernels()))
    assert ours < names(catalogue)
    assert names(catalogue) - ours == {
        "prim::TupleIndex", "aten::relu", "aten::register_prim_ops.x",
        "aten::register_special_ops.x", "quantized::mul",
    }  # fmt: skip
    kernel = catalogue.entries[OperatorName.parse("quantized::mul")]
    assert kernel.schema == "quantized::mul(Tensor qa) -> Tensor"
    assert kernel.source == "aten/src/ATen/native/quantized/cpu/qmul.cpp"
    assert catalogue.entries[OperatorName.parse("aten::relu")].header == "relu"
    assert read_catalogue(source, generated, fail, host) == catalogue


def test_a_changed_source_is_read_again(
    source: SourceTree, generated: GeneratedTree, host: Host
) -> None:
    read_catalogue(source, generated, expand, host)
    yaml = source.root("pytorch") / "aten/src/ATen/native/native_functions.yaml"
    yaml.write_text("- func: other")
    with pytest.raises(AssertionError):
        read_catalogue(source, generated, fail, host)


@pytest.mark.parametrize("damage", [b"", b"text", lzma.compress(b"{}"), lzma.compress(b"[1")])
def test_a_damaged_catalogue_of_the_cache_is_read_again(
    source: SourceTree, generated: GeneratedTree, host: Host, damage: bytes
) -> None:
    catalogue = read_catalogue(source, generated, expand, host)
    (kept,) = (host.cache / "catalogues").iterdir()
    kept.write_bytes(damage)
    assert read_catalogue(source, generated, expand, host) == catalogue
