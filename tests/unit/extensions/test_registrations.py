"""What a file registers: every way of writing it that the macros of LibTorch allow."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.extensions.registrations import Registrations, parse_registrations

MANY: Final = """\
#include <torch/library.h>
namespace shop { namespace {
TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensor x) -> Tensor");  // with a kernel below
  m.def(TORCH_SELECTIVE_SCHEMA("shop::sum.out(Tensor x, *, "
                               "Tensor(a!) out) -> Tensor(a!)"), &sum_out)
      .def("both(Tensor x) -> Tensor", {at::Tag::pt2_compliant_tag}, [](const Tensor& x) {
        return f<int, 2>(x, 1);
      });
}
TORCH_LIBRARY_FRAGMENT(
    store, lib) {
  lib.def(torch::schema("open() -> bool"), TORCH_FN(open));
}
TORCH_LIBRARY_IMPL(shop, CPU, m) {
  m.impl(TORCH_SELECTIVE_NAME("shop::tax"), TORCH_FN((tax<float, 3>)));
  m.impl("both", torch::dispatch(c10::DispatchKey::QuantizedCPU, TORCH_FN(quantized)));
  m.impl("both", c10::DispatchKey::CUDA, gpu);
}
TORCH_LIBRARY_IMPL(shop, Autograd, m) { m.impl("tax", torch::CppFunction::makeFallthrough()); }
TORCH_LIBRARY_IMPL(shop, CUDA, m) { m.impl("tax", tax_cuda); }
}}
"""


def only_fault(text: str) -> str:
    (fault,) = parse_registrations(text).faults
    assert fault.do
    return f"{fault.line}: {fault.message}"


def test_schemas_are_found_however_they_are_written() -> None:
    found = parse_registrations(MANY)
    assert [(it.schema, it.line) for it in found.definitions] == [
        ("shop::tax(Tensor x) -> Tensor", 4),
        ("shop::sum.out(Tensor x, *, Tensor(a!) out) -> Tensor(a!)", 5),
        ("shop::both(Tensor x) -> Tensor", 7),
        ("store::open() -> bool", 13),
    ]
    assert not found.faults
    assert found.includes == ("<torch/library.h>",)


def test_kernels_for_the_cpu_are_found_with_their_blocks() -> None:
    found = parse_registrations(MANY)
    assert found.blocks == (3, 12, 15, 20, 21), "the lines where the macros end, as __LINE__ says"
    assert [(str(it.name), it.key, it.function, it.block) for it in found.kernels] == [
        ("shop::sum.out", "CatchAll", "& sum_out", 3),
        (
            "shop::both", "CatchAll",
            "[ ] ( const Tensor & x ) { return f < int , 2 > ( x , 1 ) ; }", 3,
        ),
        ("store::open", "CatchAll", "open", 12),
        ("shop::tax", "CPU", "( tax < float , 3 > )", 15),
        ("shop::both", "QuantizedCPU", "quantized", 15),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('m.def("tax", &tax);', "shop::tax is defined without a schema"),
        ("m.def(SCHEMA);", "m.def takes a schema that is no string literal"),
        ("m.impl(NAME, f);", "m.impl takes a name that is no string literal"),
        ('m.class_<Cart>("Cart").def("add", &Cart::add);', "the class shop.Cart cannot be"),
        ('m.def("other::tax(Tensor x) -> Tensor");', "other::tax stands in a block of the namespa"),
        ('m.def("9tax(Tensor x) -> Tensor");', "'shop::9tax' is no name of an operator"),
        (
            'm.impl("tax", torch::CppFunction::makeFromBoxedFunction<&f>());',
            "shop::tax has a kernel that takes the stack",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told_with_its_line(body: str, message: str) -> None:
    assert only_fault(f"TORCH_LIBRARY(shop, m) {{\n  {body}\n}}").startswith(f"2: {message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("#include <torch/extension.h>", "<torch/extension.h> needs Python"),
        ('#include "pybind11/pybind11.h"', '"pybind11/pybind11.h" needs Python'),
        ("#include <Python.h>", "<Python.h> needs Python"),
        ("#include <torch/torch.h>", "<torch/torch.h> is of the C++ frontend"),
        ('static auto r = torch::RegisterOperators("a", &f);', "torch::RegisterOperators is the"),
    ],
)
def test_what_no_runtime_has_is_told(line: str, message: str) -> None:
    assert only_fault(f"\n{line}\n").startswith(f"2: {message}")


def test_what_is_commented_out_is_not_there() -> None:
    text = '#if 0\nTORCH_LIBRARY(a, m) { m.def("f", g); }\n#endif\n/* TORCH_LIBRARY(b, m) { } */'
    assert parse_registrations(text) == Registrations((), (), (), (), ())


@given(st.text(max_size=30), st.integers(0, len(MANY)), st.integers(0, len(MANY)))
def test_no_text_is_too_much(inserted: str, start: int, end: int) -> None:
    parse_registrations(MANY[:start] + inserted + MANY[end:])
