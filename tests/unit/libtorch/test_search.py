from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.libtorch.candidates import Group
from builder.libtorch.search import SourceSearch
from builder.vocabulary.plan import SourceKind


def search(
    root: Path, files: Mapping[str, str], provided: frozenset[str] = frozenset()
) -> SourceSearch:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    group = Group("aten", SourceKind.KERNEL, "pytorch", "CXX", tuple(files), (), ())
    return SourceSearch([group], {"pytorch": root}, lambda: provided)


NORM = "_ZN2at6native14batch_norm_cpuERKNS_6TensorE"


def test_definitions_come_before_uses(tmp_path: Path) -> None:
    found = search(
        tmp_path,
        {
            "a_caller.cpp": "Tensor f() {\n  return batch_norm_cpu(x);\n}\n",
            "b_declares.cpp": "Tensor batch_norm_cpu(const Tensor&);\nTensor batch_norm_cpu(int);",
            "c_defines.cpp": "Tensor batch_norm_cpu(const Tensor& self,\n    int x) {\n}\n",
            "d_other.cpp": "void other() {}",
        },
    ).definers(NORM)
    assert found[0] == "pytorch:c_defines.cpp"
    assert set(found[1:]) == {"pytorch:a_caller.cpp", "pytorch:b_declares.cpp"}


def test_the_innermost_name_that_is_known_decides(tmp_path: Path) -> None:
    known = search(tmp_path, {"Error.cpp": "Error::Error(int x) {}", "other.cpp": "int x;"})
    assert known.definers("_ZN3c105ErrorC1Ev") == ("pytorch:Error.cpp",)
    assert known.definers("_ZN3c105Error7unknownEv") == ("pytorch:Error.cpp",)


def test_names_that_macros_paste_are_found_by_their_beginning(tmp_path: Path) -> None:
    known = search(tmp_path, {"Compare.cpp": "TORCH_IMPL_FUNC(ge)(const Tensor& x) {}"})
    assert known.definers("_ZN2at6native17structured_ge_out4implERKNS_6TensorE") == (
        "pytorch:Compare.cpp",
    )


@pytest.mark.parametrize(
    "function", ["4meta21structured_avg_pool2d4meta", "6native21structured_avg_pool2d4impl"]
)
def test_a_structured_kernel_is_found_by_the_name_in_its_macro(
    function: str, tmp_path: Path
) -> None:
    found = search(
        tmp_path,
        {
            "AveragePool.cpp": "TORCH_META_FUNC(avg_pool2d)(int x) {}\n"
            "TORCH_IMPL_FUNC(avg_pool2d)(int x) {}",
            "Register.cpp": "Tensor avg_pool2d(int x) {\n}\nvoid meta() {\n}\nvoid impl() {\n}",
            "Other.cpp": "namespace at { namespace meta { void impl() {\n}\n } }",
        },
    ).definers(f"_ZN2at{function}ERKNS_6TensorE")
    assert found == ("pytorch:AveragePool.cpp", "pytorch:Register.cpp")


def test_what_a_macro_makes_is_found_though_its_callers_have_the_whole_name(tmp_path: Path) -> None:
    found = search(
        tmp_path,
        {
            "Register.cpp": "Tensor& relu_(Tensor& x) {\n  return native::relu_sparse_(x);\n}",
            "Activation.cpp": "Tensor relu(const Tensor& x) {\n}",
            "Unary.cpp": "#define MAKE(name) Tensor& name##_sparse_(Tensor& x) {}\nMAKE(relu)",
            "Other.cpp": "#define MAKE(name) Tensor& name##_sparse_(Tensor& x) {}\nMAKE(tanh)",
        },
    ).definers("_ZN2at6native12relu_sparse_ERNS_6TensorE")
    assert found == ("pytorch:Register.cpp", "pytorch:Unary.cpp")


def test_a_stub_is_where_its_kernel_is_registered(tmp_path: Path) -> None:
    known = search(
        tmp_path,
        {
            "Binary.cpp": "DEFINE_DISPATCH(add_stub);\nadd_stub(1);\nadd_stub(2);\nadd_stub(3);",
            "kernel.cpp": "REGISTER_DISPATCH(add_stub, &add_kernel)\n",
        },
    )
    symbol = "_ZN2at6native12DispatchStubIPFvvENS0_30add_stub_DECLARE_DISPATCH_typeEE7DEFAULTE"
    assert known.definers(symbol)[0] == "pytorch:kernel.cpp"


def test_c_symbols_are_searched_as_they_are(tmp_path: Path) -> None:
    known = search(tmp_path, {"pool.c": "struct pool* pool_create(size_t n) {\n}"})
    assert known.definers("pool_create") == ("pytorch:pool.c",)


def test_what_a_library_provides_is_never_searched(tmp_path: Path) -> None:
    known = search(tmp_path, {"x.c": "void memcpy() {}"}, frozenset({"memcpy"}))
    assert known.definers("memcpy") == ()


def test_nothing_is_found_for_an_unknown_name(tmp_path: Path) -> None:
    assert search(tmp_path, {"x.c": "int y;"}).definers("_ZN5other7unknownEv") == ()


def test_equal_candidates_are_ordered_by_name(tmp_path: Path) -> None:
    files = {f"{name}.cpp": "void twin(int x) {}" for name in "cab"}
    expected = ("pytorch:a.cpp", "pytorch:b.cpp", "pytorch:c.cpp")
    assert search(tmp_path, files).definers("_Z4twini") == expected
