"""What is asked of the size graphs that ship, and what these hold."""

from dataclasses import replace

import pytest

from builder.commands.inspecting.prediction import (
    Question,
    cutter,
    predict_size,
    read_like,
    sizes_path,
    word_size,
)
from builder.libtorch.closure.sizing.table import read_sizes
from builder.libtorch.codegen import pinned_catalogue
from builder.vocabulary.dtypes import DEFAULT_DTYPES, KNOWN_DTYPES
from builder.vocabulary.operators import OperatorName, SelectedOperator, Selection
from builder.vocabulary.plan import ExtensionFile, Isa, Kernels, Messages
from builder.vocabulary.targets import Abi, Platform, Target

LINUX = Target(Platform.LINUX, Abi.X86_64)
ADD, GELU = OperatorName("aten", "add", "Tensor"), OperatorName("aten", "gelu")


def question(target: Target = LINUX, *names: OperatorName, version: str = "2.6.0") -> Question:
    operators = tuple(SelectedOperator(it, ("net",)) for it in names or (ADD,))
    return Question(
        version=version, target=target, selection=Selection(operators), isa=Isa.FEW,
        catalogue=pinned_catalogue("2.6.0"), kernels=Kernels.AUTO,
    )  # fmt: skip


def test_each_abi_is_predicted_by_itself_or_by_one_like_it() -> None:
    for abi in Abi:
        found = predict_size(question(Target(Platform.LINUX, abi)))
        assert found is not None
        assert 450_000 < found.least < found.size < found.most


def test_an_abi_that_was_not_measured_says_so_and_is_in_doubt() -> None:
    known = predict_size(question())
    assert known is not None
    assert known.measured_on == "linux-x86_64"
    for abi in (it for it in Abi if read_sizes(sizes_path(question(), it)) is None):
        found = predict_size(question(Target(Platform.LINUX, abi)))
        assert found is not None
        assert found.measured_on.partition("-")[2] != abi
        assert found.unmeasured == (f"objects of {abi}",)
        assert found.least < known.least
        assert found.most > known.most
    x86 = predict_size(question(Target(Platform.LINUX, Abi.X86)))
    assert x86 is not None
    assert x86.most > 1.2 * x86.size


def test_of_an_unknown_source_nothing_is_predicted() -> None:
    assert predict_size(question(version="1.0.0")) is None


def test_an_operator_more_is_more_bytes() -> None:
    one, two = predict_size(question(LINUX, ADD)), predict_size(question(LINUX, ADD, GELU))
    assert one is not None
    assert two is not None
    assert two.size > one.size
    assert [it.name for it in two.operators if it.alone > 100] != []


def test_a_platform_that_was_not_measured_is_in_doubt() -> None:
    sizes = [predict_size(question(it)) for it in (LINUX, Target(Platform.ANDROID, Abi.X86, 24))]
    doubts = [it.most - it.size for it in sizes if it is not None]
    assert doubts[1] > 2 * doubts[0]


def test_dtypes_and_messages_that_were_not_measured_are_in_doubt() -> None:
    usual, every, few, full = (
        predict_size(replace(question(), dtypes=dtypes, messages=messages))
        for dtypes, messages in (
            (None, Messages.SHORT),
            (KNOWN_DTYPES, Messages.SHORT),
            (frozenset({"Float"}), Messages.SHORT),
            (None, Messages.FULL),
        )
    )
    assert usual is not None
    assert every is not None
    assert few is not None
    assert full is not None
    assert usual.unmeasured == ()
    assert usual == predict_size(replace(question(), dtypes=DEFAULT_DTYPES))
    assert every.most > usual.most + usual.size // 2
    assert few.least < usual.least
    assert full.most > usual.most
    assert [len(it.unmeasured) for it in (every, few, full)] == [1, 1, 1]


def test_objects_of_quantized_models_have_a_graph_of_their_own() -> None:
    quantized = replace(question(), selection=replace(
        question().selection, dtypes=frozenset({"QInt8"})
    ))  # fmt: skip
    assert sizes_path(question(), Abi.X86_64) != sizes_path(quantized, Abi.X86_64)
    assert read_like(quantized) != read_like(question())


def test_of_a_function_and_what_replaces_it_one_is_cut() -> None:
    gemm = "_ZN2at6native7cpublas4gemmENS0_13TransposeTypeES2_lllfPKf"
    for kernels, ours in ((Kernels.AUTO, True), (Kernels.ATEN, False)):
        is_cut = cutter(replace(question(), kernels=kernels))
        assert is_cut(gemm) is ours
        assert is_cut(f"instead of {gemm}") is not ours


def test_cpp_of_the_users_own_may_call_any_convolution() -> None:
    called = "_ZN2at4_ops21slow_conv_transpose2d4callERKNS_6TensorE"
    own = (ExtensionFile("operators:upscale.cpp", "0" * 64),)
    assert cutter(question())(called)
    assert not cutter(replace(question(), extension=own))(called)


def test_what_an_abi_keeps_of_upstream_is_predicted_as_upstreams() -> None:
    multiply = "_ZN2at6native18structured_mul_out4implERKNS_6TensorES4_S4_"
    for abi in Abi:
        is_cut = cutter(question(Target(Platform.LINUX, abi)))
        assert is_cut(multiply) is (abi is not Abi.ARM64_V8A)
        assert is_cut(f"instead of {multiply}") is (abi is Abi.ARM64_V8A)


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (Target(Platform.ANDROID, Abi.X86_64, 21), 24.0),
        (Target(Platform.ANDROID, Abi.X86, 21), 8.0),
        (Target(Platform.ANDROID, Abi.X86_64, 30), 0.5),
    ],
)
def test_a_word_to_relocate_takes_what_the_linker_is_asked_for(target: Target, size: float) -> None:
    assert word_size(target) == size


def test_what_ships_is_small_and_can_be_read() -> None:
    shipped = sorted(sizes_path(question(), Abi.X86_64).parent.glob("sizes-*.json.xz"))
    assert shipped
    for path in shipped:
        assert path.stat().st_size < 64_000
        table = read_sizes(path)
        assert table is not None
        assert all(base.error <= 0.15 for base in table.bases.values())
