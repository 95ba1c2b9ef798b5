"""The user's own C++ as one value: the same wherever it lies, its faults told together."""

from pathlib import Path
from typing import Final

import pytest

from builder.extensions.reading import NOTHING, Extension, read_extension
from builder.libtorch.catalogue import Catalogue, OperatorEntry, make_catalogue
from builder.vocabulary.errors import CompileError, UsageError
from builder.vocabulary.operators import OperatorName

DEFINED: Final = """\
#include "deep/help.h"
TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensor x) -> Tensor");
  m.def("sum(Tensor x) -> Tensor", sum);
}
"""
IMPLEMENTED: Final = 'TORCH_LIBRARY_IMPL(shop, CPU, m) {\n  m.impl("tax", tax);\n}\n'
TAX: Final = OperatorName("shop", "tax")


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def shop(folder: Path) -> Path:
    return written(
        folder, a_cpp=DEFINED, sub__b_cc=IMPLEMENTED, deep__help_h='#include "more.h"',
        deep__more_h="", deep__unused_h="", notes_txt="TORCH_LIBRARY(",
    )  # fmt: skip


def lines(error: CompileError, folder: Path) -> list[str]:
    return error.message.replace(f"{folder}/", "").splitlines()[1:]


def test_a_schema_and_its_kernel_may_stand_in_two_files(tmp_path: Path) -> None:
    found = read_extension([shop(tmp_path)])
    assert [it.entry for it in found.operators] == [
        OperatorEntry(
            OperatorName("shop", "sum"), "shop::sum(Tensor x) -> Tensor",
            kernel="br_kernel_4shop_3sum_0", source="operators:a.cpp",
            place=f"{tmp_path}/a.cpp:4",
        ),
        OperatorEntry(
            TAX, "shop::tax(Tensor x) -> Tensor", kernel="br_kernel_4shop_3tax_0",
            source="operators:sub/b.cc", place=f"{tmp_path}/a.cpp:3",
        ),
    ]  # fmt: skip
    assert [it.id for it in found.sources] == ["operators:a.cpp", "operators:sub/b.cc"]


def test_equal_files_are_equal_wherever_they_lie(tmp_path: Path) -> None:
    one = read_extension([shop(tmp_path / "one")])
    other = read_extension([shop(tmp_path / "other")])
    assert one.files == other.files
    assert [it.name for it in one.files] == [
        "operators:a.cpp", "operators:deep/help.h", "operators:deep/more.h", "operators:sub/b.cc",
    ]  # fmt: skip
    written(tmp_path / "other", deep__more_h="// changed")
    assert read_extension([tmp_path / "other"]).files != one.files


def test_files_and_folders_are_read_once(tmp_path: Path) -> None:
    shop(tmp_path / "shop")
    more = written(tmp_path / "more", x_cpp='TORCH_LIBRARY(m, m) { m.def("f() -> int", f); }')
    found = read_extension([more / "x.cpp", tmp_path / "shop", tmp_path / "shop" / "a.cpp"])
    assert [name for name, _ in found.roots] == ["operators", "operators-2"]
    assert [it.id for it in found.sources] == [
        "operators:x.cpp", "operators-2:a.cpp", "operators-2:sub/b.cc",
    ]  # fmt: skip


def test_the_kernel_for_the_cpu_is_preferred(tmp_path: Path) -> None:
    text = """
TORCH_LIBRARY(a, m) { m.def("f() -> int", general); }
TORCH_LIBRARY_IMPL(a, CPU, m) { m.impl("f", special); }
"""
    (operator,) = read_extension([written(tmp_path, a_cpp=text)]).operators
    assert operator.kernel is not None
    assert operator.kernel.function == "special"


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """\
#include <torch/extension.h>
TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensr x) -> Tensor");
  m.def("sum(Tensor x) -> Tensor");
  m.def("sum(Tensor x) -> Tensor");
}
"""
    with pytest.raises(CompileError) as caught:
        read_extension([written(tmp_path, a_cpp=text, b_cpp="TORCH_LIBRARY(b, m) { m.def(X); }")])
    assert lines(caught.value, tmp_path) == [
        "    a.cpp:1: <torch/extension.h> needs Python, which no runtime has",
        "    a.cpp:3: the schema of shop::tax is wrong: there is no type 'Tensr'",
        "    a.cpp:5: shop::sum is defined in a.cpp:4, too",
        "    b.cpp:1: m.def takes a schema that is no string literal",
    ]
    assert "include <torch/library.h> and <ATen/ATen.h> instead" in caught.value.hint


def test_a_kernel_of_nothing_is_told_with_a_near_name(tmp_path: Path) -> None:
    folder = written(tmp_path, a_cpp=DEFINED, b_cpp=IMPLEMENTED.replace("tax", "taxi"))
    with pytest.raises(CompileError) as caught:
        read_extension([folder])
    assert lines(caught.value, tmp_path) == [
        "    b.cpp:2: a kernel of shop::taxi, which nothing defines (did you mean shop::tax?)"
    ]


def test_an_operator_without_a_kernel_is_known_and_lacks_it(tmp_path: Path) -> None:
    found = read_extension([written(tmp_path, a_cpp=DEFINED)])
    entry = found.extend(make_catalogue([])).entries[TAX]
    assert (entry.kernel, entry.place) == ("", f"{tmp_path}/a.cpp:3")
    assert TAX not in found.extend(make_catalogue([])).builtin


def test_names_of_torch_are_taken_but_for_what_it_lacks(tmp_path: Path) -> None:
    found = read_extension([shop(tmp_path)])
    has = OperatorEntry(TAX, "shop::tax(Tensor x) -> Tensor", registrar="a.cpp")
    lacks = OperatorEntry(TAX, "shop::tax(Tensor x) -> Tensor", missing=True)
    assert found.extend(make_catalogue([lacks])).entries[TAX].kernel
    with pytest.raises(CompileError, match=r"a.cpp:3: shop::tax is an operator of PyTorch itself"):
        found.extend(make_catalogue([has]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "no such file: .*nowhere"),
        ("notes.txt", "notes.txt is no C\\+\\+ source"),
        ("empty", "no C\\+\\+ source below .*empty"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (shop(tmp_path) / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        read_extension([tmp_path / name])


def test_a_library_is_a_so_or_python(tmp_path: Path) -> None:
    shop(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        read_extension([], [tmp_path / "x.so"])
    with pytest.raises(UsageError, match="is no library of operators"):
        read_extension([], [tmp_path / "notes.txt"])


def test_nothing_extends_nothing() -> None:
    catalogue = Catalogue({})
    assert NOTHING.extend(catalogue) == catalogue
    assert read_extension([]) == NOTHING == Extension()
    assert not NOTHING.own.schemas
