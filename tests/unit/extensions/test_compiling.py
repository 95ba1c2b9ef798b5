"""How the user's own C++ is compiled: what is exported and compared, and which errors are his."""

from pathlib import Path
from typing import Final

import pytest

from builder.compilation.project import render_runtime
from builder.extensions.compiling import candidates_of, explained, exported_blocks
from builder.extensions.reading import Extension, read_extension
from builder.foundation.process import Command, CommandError
from builder.vocabulary.errors import CompileError
from tests.golden.tiny import CATALOGUE, make_plan

TEXT: Final = """\
TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensor x, float rate, t y) -> (Tensor, int)", general);
}
TORCH_LIBRARY_IMPL(shop, CPU, m) {
  m.impl("tax", special);
}
"""


@pytest.fixture
def extension(tmp_path: Path) -> Extension:
    (tmp_path / "a.cpp").write_text(TEXT)
    return read_extension([tmp_path])


TOLD: Final = """\
FAILED: earlier.o
tree/operators/a.cpp:1:1: error: earlier
FAILED: x.o
tree/operators/a.cpp:4:1: error: static assertion failed due to requirement 'is<A, 'b'>': \
shop::tax: its function must take double for by
   4 | TORCH_LIBRARY
tree/pytorch/x.h:9:1: error: static assertion failed: You tried to register a kernel
tree/operators/a.cpp:6:2: error: no member
"""


def failed(argv: str, log: Path) -> CommandError:
    return CommandError(Command(("/bin/sh", "-c", argv), Path(), {}), 1, log, ())


def test_a_kernel_is_exported_where_it_is_registered(extension: Extension) -> None:
    general, special = exported_blocks(extension.sources[0], extension)
    assert (general.line, general.kernels) == (1, ())
    (kernel,) = special.kernels
    assert (kernel.symbol, kernel.function) == ("br_kernel_4shop_3tax_0", "special")


def test_the_function_is_compared_with_the_schema(extension: Extension) -> None:
    (kernel,) = exported_blocks(extension.sources[0], extension)[1].kernels
    assert [(it.holds, it.message) for it in kernel.checks] == [
        (
            "Types::arguments == 3",
            "shop::tax: its schema has 3 arguments, its function another number",
        ),
        ("Types::results == 2", "shop::tax: its schema has 2 results, its function another number"),
        (
            "Types::template takes<0, at::Tensor>",
            "shop::tax: its function must take at::Tensor for x, which is Tensor in its schema",
        ),
        (
            "Types::template takes<1, double>",
            "shop::tax: its function must take double for rate, which is float in its schema",
        ),
        (
            "Types::template gives<0, at::Tensor>",
            "shop::tax: its function must return at::Tensor, which is Tensor in its schema",
        ),
        (
            "Types::template gives<1, int64_t>",
            "shop::tax: its function must return int64_t, which is int in its schema",
        ),
    ]


def test_every_macro_of_a_source_has_its_kernels(extension: Extension) -> None:
    plan = make_plan()
    project = render_runtime(plan, extension.extend(CATALOGUE), "{}", extension)
    texts = {str(it.path): it.text for it in project.files}
    header = texts["include/operators/a.cpp.h"]
    assert "#define BR_KERNELS_1 \\\n  static_assert" in header
    assert 'extern "C" void br_kernel_4shop_3tax_0' in header.partition("BR_KERNELS_4 \\")[2]
    assert "build_runtime_extension(" in texts["CMakeLists.txt"]
    assert project.demanded == ("operators:a.cpp",)
    assert ("operators", extension.roots[0][1]) in project.linked


def test_sources_are_searched_for_what_others_define(extension: Extension) -> None:
    (group,) = candidates_of(extension)
    assert group.ids == {"operators:a.cpp": "a.cpp"}


def test_an_error_of_the_compiler_names_the_file_of_the_user(
    extension: Extension, tmp_path: Path
) -> None:
    log = tmp_path / "build.log"
    log.write_text(TOLD)
    with pytest.raises(CompileError) as caught, explained(extension, "tree"):
        raise failed("cxx -c tree/operators/a.cpp -o x.o", log)
    folder = extension.roots[0][1]
    assert caught.value.message.splitlines() == [
        "operators of your own do not compile:",
        f"    {folder}/a.cpp:4:1: error: shop::tax: its function must take double for by",
        f"    {folder}/a.cpp:6:2: error: no member",
    ]
    assert str(log) in caught.value.hint


def test_errors_of_others_stay_as_they_are(extension: Extension, tmp_path: Path) -> None:
    with pytest.raises(CommandError), explained(extension, "tree"):
        raise failed("cxx -c tree/pytorch/a.cpp -o x.o", tmp_path / "build.log")
