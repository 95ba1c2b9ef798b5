from dataclasses import replace
from pathlib import Path

from builder.compilation.project import render_objects, render_runtime
from builder.libtorch.candidates import Group
from builder.libtorch.catalogue import Catalogue, OperatorEntry, make_catalogue
from builder.vocabulary.operators import OperatorName, SelectedOperator
from builder.vocabulary.plan import BuildPlan, Component, Profile, SourceKind
from tests.golden.tiny import CATALOGUE, make_plan

KERNEL = SourceKind.KERNEL
SOURCE = "aten/src/ATen/native/quantized/cpu/qmul.cpp"
TEXT = """\
TORCH_LIBRARY_IMPL(quantized, QuantizedCPU, m) {
  m.impl(TORCH_SELECTIVE_NAME("quantized::mul"), TORCH_FN(qmul));
}
"""


def rendered(root: Path, *backends: str, tool: str = "1.0") -> dict[str, str]:
    path = root / SOURCE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT)
    groups = [
        Group("aten", KERNEL, "pytorch", "CXX", (SOURCE,), (), (), ("-O2",), (("pytorch", "deps"),))
    ]
    files = render_objects(replace(plan(root, *backends), tool=tool), groups)
    return {str(file.path): file.text for file in files.files}


def plan(root: Path, *backends: str) -> BuildPlan:
    made = make_plan()
    components = (
        Component("pytorch", "1", "0" * 64, "BSD", root),
        *(it for it in made.source.components if it.name != "pytorch"),
    )
    profile = Profile(frozenset({"Float"}), backends)
    source = replace(made.source, components=components)
    return replace(made, objects=replace(made.objects, source=source, profile=profile))


def test_files_of_custom_namespaces_are_compiled_with_a_header_that_exports_their_kernels(
    tmp_path: Path,
) -> None:
    files = rendered(tmp_path, "CPU", "QuantizedCPU")
    header = "kernels/aten-src-ATen-native-quantized-cpu-qmul.cpp.h"
    assert f"PROPERTY COMPILE_OPTIONS -include {header})" in files["CMakeLists.txt"]
    text = files[f"include/{header}"]
    assert "#define BR_KERNELS_1 \\\n" in text
    assert 'extern "C" void br_kernel_9quantized_3mul_0(torch::jit::Stack& stack) { \\\n' in text
    assert "build_runtime::run_function(qmul, stack);" in text
    assert "run_function" in files["include/boxed.h"]
    assert "TORCH_CUSTOM_CLASS_ALLOWLIST" not in files["include/ATen/selected_mobile_ops.h"]


def test_a_new_version_of_the_tool_changes_no_header(tmp_path: Path) -> None:
    """Headers are what objects depend on: all would be compiled again."""
    backends = ("CPU", "QuantizedCPU")
    files = rendered(tmp_path, *backends)
    later = rendered(tmp_path, *backends, tool="99.0")
    assert files["CMakeLists.txt"] != later["CMakeLists.txt"]
    headers = [path for path in files if path.startswith("include/")]
    assert len(headers) == 3
    assert {it: files[it] for it in headers} == {it: later[it] for it in headers}


def test_objects_for_any_dtypes_cannot_ask_for_them(tmp_path: Path) -> None:
    made = plan(tmp_path, "CPU")
    shared = replace(made, objects=made.objects.for_any_dtypes())
    header = "include/ATen/selected_mobile_ops.h"
    texts = [
        next(it.text for it in render_objects(one, ()).files if str(it.path) == header)
        for one in (made, shared)
    ]
    question = "constexpr bool should_include_kernel_dtype(const char*, at::ScalarType dtype)"
    assert all(question in text for text in texts)
    assert ["= delete;" in text for text in texts] == [False, True]


def test_float_models_have_none_of_it(tmp_path: Path) -> None:
    files = rendered(tmp_path, "CPU")
    assert "-include" not in files["CMakeLists.txt"]
    assert set(files) == {
        "CMakeLists.txt", "include/ATen/selected_mobile_ops.h", "initial-cache.cmake",
    }  # fmt: skip
    assert "TORCH_CUSTOM_CLASS_ALLOWLIST" in files["include/ATen/selected_mobile_ops.h"]


def test_a_group_has_options_and_include_directories_of_its_own(tmp_path: Path) -> None:
    text = rendered(tmp_path, "CPU")["CMakeLists.txt"]
    assert "  OPTIONS -O2\n" in text
    assert "  INCLUDES\n    [==[tree/pytorch/deps]==]\n" in text


def test_a_header_of_ours_comes_before_a_source_that_names_one(tmp_path: Path) -> None:
    before = (("aten/a.cpp", "checked_sizes.h"),)
    sources = ("aten/a.cpp", "aten/b.cpp")
    group = Group("aten", KERNEL, "pytorch", "CXX", sources, (), (), before=before)
    files = {str(it.path): it.text for it in render_objects(plan(tmp_path, "CPU"), [group]).files}
    line = 'a.cpp" APPEND PROPERTY COMPILE_OPTIONS -include upstream/checked_sizes.h)'
    assert files["CMakeLists.txt"].count("-include") == files["CMakeLists.txt"].count(line) == 1
    assert "#undef C10_MOBILE" in files["include/upstream/checked_sizes.h"]


def test_what_such_a_header_includes_comes_along(tmp_path: Path) -> None:
    before = (("aten/a.cpp", "packed_sequences.h"),)
    group = Group("aten", KERNEL, "pytorch", "CXX", ("aten/a.cpp",), (), (), before=before)
    files = {str(it.path) for it in render_objects(plan(tmp_path, "CPU"), [group]).files}
    headers = {f"include/upstream/{it}.h" for it in ("packed_sequences", "falling_batches")}
    assert headers <= files


def test_conjugates_are_computed_where_there_are_complex_numbers() -> None:
    made = make_plan()
    for dtypes, expected in ((frozenset({"Float"}), False), (frozenset({"ComplexFloat"}), True)):
        text = registration(replace(made, objects=replace(made.objects, profile=Profile(dtypes))))
        assert ("_conj::call" in text) == expected


def test_the_wish_for_a_gradient_is_no_reason_to_link_autograd() -> None:
    made = make_plan()
    assert "requires_grad_::call" not in registration(made)
    wish = SelectedOperator(OperatorName("aten", "requires_grad_"))
    entry = OperatorEntry(
        wish.name, "aten::requires_grad_(Tensor(a!) self) -> Tensor(a!)", "r", "r"
    )
    known = make_catalogue((*CATALOGUE.entries.values(), entry))
    selection = replace(made.selection, operators=(*made.selection.operators, wish))
    assert "requires_grad_::call" in registration(replace(made, selection=selection), known)


def test_operators_that_are_there_in_name_only_are_told_to_the_loader() -> None:
    name = OperatorName("aten", "format")
    entry = OperatorEntry(name, "aten::format(str self, ...) -> str", "", "")
    known = make_catalogue((*CATALOGUE.entries.values(), entry))
    made = make_plan()
    assert 'names[] = {"aten::format", nullptr};' in registration(made, known)
    operators = (*made.selection.operators, SelectedOperator(name))
    keeping = replace(made, selection=replace(made.selection, operators=operators))
    assert 'names[] = {"aten::format", nullptr};' not in registration(keeping, known)


def registration(plan: BuildPlan, catalogue: Catalogue = CATALOGUE) -> str:
    files = render_runtime(plan, catalogue, "{}")
    (text,) = (it.text for it in files.files if it.path.name == "registration.cpp")
    return text
