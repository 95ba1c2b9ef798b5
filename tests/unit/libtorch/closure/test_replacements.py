import re

from builder.foundation.resources import NATIVE
from builder.libtorch.candidates import Group
from builder.libtorch.closure.replacements import (
    all_replacements,
    exact_replacements,
    find_replacement,
    without_kernels,
)
from builder.vocabulary.plan import Kernels, SourceKind
from builder.vocabulary.targets import Abi

GEMM = "_ZN2at6native7cpublas4gemmENS0_13TransposeTypeES2_lllfPKflS4_lfPfl"
NARROW = "_ZN2at6native7cpublas4gemmENS0_13TransposeTypeES2_xxxfPKfxS4_xfPfx"
MUL = "_ZN2at6native18structured_mul_out4implERKNS_6TensorES4_S4_"
DOUBLE = "_ZN2at6native7cpublas4gemmENS0_13TransposeTypeES2_llldPKdlS4_ldPdl"


def test_a_function_is_replaced_for_its_own_types_alone() -> None:
    find = find_replacement(Abi.X86_64)
    assert find(GEMM) == find(NARROW) == "native:src/kernels/gemm.cpp"
    assert find(DOUBLE) is None


def test_what_gives_a_tensor_is_replaced_and_what_writes_to_one_is_not() -> None:
    find = find_replacement(Abi.X86_64)
    assert find("_ZN2at3cpu4tanhERKNS_6TensorE") == "native:src/kernels/activations.cpp"
    assert find("_ZN2at3cpu9tanh_outfERKNS_6TensorERS1_") is None


def test_sums_of_tensors_are_replaced_and_those_of_other_layouts_are_not() -> None:
    find = find_replacement(Abi.X86_64)
    ours = "native:src/kernels/arithmetic.cpp"
    added = "_ZN2at6native24structured_ufunc_add_CPU4implERKNS_6TensorES4_RKN3c106ScalarES4_"
    assert find(added) == ours
    assert find("_ZN2at6native18structured_div_out4implERKNS_6TensorES4_S4_") == ours
    assert find("_ZN2at6native23structured_div_out_mode4implERKNS_6TensorES4_") is None
    assert find("_ZN2at6native14add_out_sparseERKNS_6TensorES3_") is None


def test_normalising_is_replaced_and_its_gradient_is_not() -> None:
    find = find_replacement(Abi.X86_64)
    assert find("_ZN2at6native14layer_norm_cpuERKNS_6TensorEN3c108ArrayRefIlEE") == (
        "native:src/kernels/layer_norm.cpp"
    )
    assert find("_ZN2at6native23layer_norm_backward_cpuERKNS_6TensorES3_") is None
    assert find("_ZN2at3cpu12_log_softmaxERKNS_6TensorElb") == "native:src/kernels/softmax.cpp"
    assert find("_ZN2at3cpu17_log_softmax_outfERKNS_6TensorElbRS1_") is None


def test_the_weights_of_images_and_of_volumes_are_packed_by_ours() -> None:
    find = find_replacement(Abi.X86_64)
    packed = "_ZN21PackedConvWeightsQnnpILi{}EE7prepackEN2at6TensorENSt3__18optionalIS2_EE"
    assert find(packed.format(2)) == "native:src/kernels/quantized/convolution.cpp"
    assert find(packed.format(3)) == "native:src/kernels/quantized/volume.cpp"


def test_nothing_is_replaced_where_upstreams_kernels_are_asked_for() -> None:
    assert find_replacement(Abi.X86_64, Kernels.ATEN)(GEMM) is None


def test_upstreams_own_are_kept_on_abis_where_ours_are_no_faster() -> None:
    ours = "native:src/kernels/arithmetic.cpp"
    assert find_replacement(Abi.ARM64_V8A)(MUL) is None
    assert find_replacement(Abi.ARMEABI_V7A)(MUL) == ours
    assert find_replacement(Abi.ARM64_V8A)(GEMM) == "native:src/kernels/gemm.cpp"
    assert find_replacement(None)(MUL) == ours, "what is learned of all ABIs knows both"
    paths = ("src/kernels/arithmetic.cpp", "src/kernels/gemm.cpp")
    group = Group("ours", SourceKind.OWN_KERNEL, "native", "CXX", paths, (), ())
    (kept,) = without_kernels([group], Abi.ARM64_V8A, Kernels.AUTO)
    assert kept.sources == paths[1:]
    assert without_kernels([group], Abi.X86, Kernels.AUTO) == (group,)


def test_nothing_is_exact_where_vectors_take_the_smallest_floats_for_zero() -> None:
    assert "native:src/kernels/max_pool.cpp" in exact_replacements(Abi.ARM64_V8A)
    assert "native:src/kernels/arithmetic.cpp" in exact_replacements(Abi.X86_64)
    assert not exact_replacements(Abi.ARMEABI_V7A)


def test_what_is_exact_on_an_abi_stands_in_for_upstream_there() -> None:
    assert all(row.abis and row.exact <= row.abis for row in all_replacements())


def test_the_sources_are_there_and_the_expressions_are_some() -> None:
    for row in all_replacements():
        component, _, path = row.source.partition(":")
        assert component == "native"
        assert path.startswith("src/kernels/")
        assert (NATIVE / path).is_file()
        re.compile(row.symbols)


def test_candidates_of_a_build_leave_out_what_it_must_not_use() -> None:
    groups = tuple(
        Group(kind, kind, "native", "CXX", (), (), ())
        for kind in (SourceKind.OWN, SourceKind.OWN_KERNEL)
    )
    assert without_kernels(groups, Abi.X86_64, Kernels.AUTO) == groups
    without = without_kernels(groups, Abi.X86_64, Kernels.ATEN)
    assert [it.kind for it in without] == [SourceKind.OWN]
