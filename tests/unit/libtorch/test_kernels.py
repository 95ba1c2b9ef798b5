import re
from pathlib import Path

import pytest
from hypothesis import strategies as st

from builder.foundation.resources import NATIVE
from builder.libtorch.kernels import (
    CustomClass,
    Kernel,
    find_kernels,
    known_classes,
    own_kernels,
    parse_blocks,
)
from builder.libtorch.mangling import kernel_symbol
from builder.vocabulary.operators import OperatorName

TEXT = """\
namespace at::native {
TORCH_LIBRARY_IMPL(quantized, QuantizedCPU, m) {
  m.impl(TORCH_SELECTIVE_NAME("quantized::conv2d.new"),      QConvInt8<2, false>::run);
  // m.impl(TORCH_SELECTIVE_NAME("quantized::gone"), gone);
  m.impl(
      TORCH_SELECTIVE_NAME("quantized::mul"),
      TORCH_FN((QMul</*ReLUFused=*/false>::run)));
  m.impl(TORCH_SELECTIVE_NAME("quantized::norm"), [](Tensor x, // the input
      double eps) {
    return norm(x, eps);
  });
}
TORCH_LIBRARY_IMPL(quantized, Meta, m) {
  m.impl("quantized::mul", mul_meta);
}
TORCH_LIBRARY_IMPL(quantized, CPU, m) {
  m.impl(TORCH_SELECTIVE_NAME("quantized::mul"), TORCH_FN((QMul<false>::run)));
  m.impl(TORCH_SELECTIVE_NAME("quantized::byte"), TORCH_FN(byte));
}
}
"""
CLASS = re.compile(r"__torch__\.torch\.classes\.(\w+\.\w+)")
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
OPERATORS = st.builds(OperatorName, NAMES, NAMES, st.just("") | NAMES)


def test_registrations_become_kernels_with_the_lines_they_stand_in() -> None:
    first, meta, second = parse_blocks(TEXT)
    assert (first.line, meta.line, second.line) == (2, 13, 16)
    assert first.kernels == (
        Kernel(OperatorName.parse("quantized::conv2d.new"), "QConvInt8<2, false>::run"),
        Kernel(OperatorName.parse("quantized::mul"), "(QMul<false>::run)"),
        Kernel(
            OperatorName.parse("quantized::norm"),
            "[](Tensor x, double eps) { return norm(x, eps); }",
        ),
    )


def test_other_backends_give_no_kernels() -> None:
    assert list(parse_blocks(TEXT))[1].kernels == ()


def test_a_kernel_for_two_keys_is_exported_once() -> None:
    assert [str(it.name) for it in list(parse_blocks(TEXT))[2].kernels] == ["quantized::byte"]


def test_files_without_registrations_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "aten/src/ATen/native/quantized/cpu"
    folder.mkdir(parents=True)
    (folder / "qmul.cpp").write_text(TEXT)
    (folder / "plain.cpp").write_text("int x;")
    assert list(find_kernels(tmp_path)) == ["aten/src/ATen/native/quantized/cpu/qmul.cpp"]


@pytest.mark.parametrize(("source", "schemas"), own_kernels().items())
def test_our_sources_have_what_the_table_says(source: str, schemas: tuple[str, ...]) -> None:
    text = (NATIVE / source.removeprefix("native:")).read_text(encoding="utf-8")
    names = [OperatorName.parse(it.partition("(")[0]) for it in schemas]
    told = re.findall(r"^BR_(?:KERNEL|OPERATOR)\((\w+),", text, re.MULTILINE)
    assert told == [*map(kernel_symbol, names)]


def test_our_sources_register_the_classes_of_their_operators() -> None:
    named = {it for its in own_kernels().values() for schema in its for it in CLASS.findall(schema)}
    known = {it.name: it.registration.removesuffix("()") for it in known_classes()}
    text = "".join((NATIVE / it.removeprefix("native:")).read_text() for it in own_kernels())
    registered = set(re.findall(r"^BR_CLASS\((\w+)\)", text, re.MULTILINE))
    assert {known[name] for name in named} == registered


@pytest.mark.parametrize("known", known_classes(), ids=lambda it: it.name)
def test_a_class_is_registered_by_a_call_of_what_is_declared(known: CustomClass) -> None:
    assert bool(known.declaration) == bool(known.registration)
    name = known.registration.partition("(")[0].partition("<")[0]
    assert name in known.declaration
