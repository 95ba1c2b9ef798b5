"""Mangled names are taken apart, put together, and the same whichever libc++ they come from."""

from dataclasses import dataclass

import cpp_demangle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.mangling import (
    call_prefix,
    called_operator,
    dispatch_stub,
    identifiers,
    is_operator,
    kernel_symbol,
    portable,
    structured_operator,
)
from builder.vocabulary.operators import OperatorName

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,40}", fullmatch=True)
OPERATORS = st.builds(OperatorName, NAMES, NAMES, st.just("") | NAMES)


@dataclass(frozen=True)
class Function:
    """A function in a namespace that takes a class of std, then another one of the same place."""

    names: tuple[str, ...]
    taken: str
    second: str
    inside: bool
    """Whether the function is one of std itself."""

    def mangled(self, inline: str) -> str:
        """Return the name where std has the inline namespace; it is the substitution S_ or S1_."""
        std = f"St{source(inline)}" if inline else "St"
        own = f"{std if self.inside else ''}{''.join(map(source, self.names))}"
        number = "S_" if self.inside else f"S{len(self.names) - 1 or ''}_"
        first = f"N{number if self.inside else std}{source(self.taken)}E"
        return f"_ZN{own}ERK{first}N{number}{source(self.second)}E"


FUNCTIONS = st.builds(
    Function, st.lists(NAMES, min_size=1, max_size=3).map(tuple), NAMES, NAMES, st.booleans()
)


def source(name: str) -> str:
    return f"{len(name)}{name}"


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [
        ("pthreadpool_create", ("pthreadpool_create",)),
        ("_Z1fv", ("f",)),
        ("_ZN2at6native14batch_norm_cpuERKNS_6TensorE", ("at", "native", "batch_norm_cpu")),
        ("_ZNK3c106IValue6toListEv", ("c10", "IValue", "toList")),
        ("_ZTVN3c1010TensorImplE", ("c10", "TensorImpl")),
        ("_ZTIN3c105ErrorE", ("c10", "Error")),
        ("_ZGVN2at8instanceE", ("at", "instance")),
        ("_ZNSt6vectorIiE9push_backERKi", ("vector",)),
        ("_ZNSt3__16vectorIiE9push_backERKi", ("vector",)),
        ("_ZNSt6__ndk16vectorIiE9push_backERKi", ("vector",)),
        ("_ZNSt3__112basic_stringIcE", ("basic_string",)),
        ("_ZN2at6native8add_stubE", ("at", "native", "add_stub")),
        ("_ZN2at6native8add_stub", ("at", "native", "add_stub")),
        ("_ZN2at6native80cut", ("at", "native", "cut")),
    ],
)
def test_a_mangled_name_is_taken_apart(symbol: str, parts: tuple[str, ...]) -> None:
    assert identifiers(symbol) == parts


@pytest.mark.parametrize(
    ("inline", "whole"),
    [
        ("__1", "_ZNSt3__110moneypunctIcLb0EEC1ERKNS_12basic_stringIcEE"),
        ("__ndk1", "_ZNSt6__ndk110moneypunctIcLb0EEC1ERKNS_12basic_stringIcEE"),
    ],
)
def test_the_length_of_the_next_name_is_no_part_of_the_namespace(inline: str, whole: str) -> None:
    assert f"std::{inline}::moneypunct" in cpp_demangle.demangle(whole)
    assert portable(whole) == "_ZNSt~10moneypunctIcLb0EEC1ERKNS_12basic_stringIcEE"


@pytest.mark.parametrize("symbol", ["memcpy", "aSt3__1b", "_ZNSt9exceptionD1Ev", "_ZN3c103__1fEv"])
def test_what_is_not_in_the_inline_namespace_keeps_its_name(symbol: str) -> None:
    assert portable(symbol) == symbol


@given(FUNCTIONS)
def test_one_symbol_has_one_name_for_all_toolchains(function: Function) -> None:
    llvm, ndk = function.mangled("__1"), function.mangled("__ndk1")
    assert llvm != ndk
    assert portable(llvm) == portable(ndk) == portable(portable(llvm))
    assert identifiers(llvm) == identifiers(ndk) == function.names == identifiers(portable(llvm))


@given(FUNCTIONS, FUNCTIONS, st.sampled_from(["__1", "__ndk1"]))
def test_two_symbols_of_a_toolchain_have_two_names(
    one: Function, other: Function, inline: str
) -> None:
    names = [one.mangled(inline), other.mangled(inline), one.mangled(""), other.mangled("")]
    assert len(set(map(portable, names))) == len(set(names))


@given(NAMES)
def test_calls_of_operators_are_put_together_and_taken_apart(operator: str) -> None:
    symbol = f"{call_prefix(operator)}RKNS_6TensorE"
    assert cpp_demangle.demangle(symbol) == f"at::_ops::{operator}::call(at::Tensor const&)"
    assert called_operator(symbol) == operator
    assert is_operator(symbol)


@pytest.mark.parametrize(
    "symbol",
    ["_ZN2at4_ops3add10redispatchEN3c1014DispatchKeySetE", "_ZN2at6native3addE", "_ZN2at4_ops", ""],
)
def test_other_functions_call_no_operator(symbol: str) -> None:
    assert called_operator(symbol) is None
    assert is_operator(symbol) == ("_ops" in symbol)


@pytest.mark.parametrize(
    ("symbol", "stub"),
    [
        ("_ZN2at6native12DispatchStubIPFvvENS0_30conv_1x1_DECLARE_DISPATCH_typeEE", "conv_1x1"),
        ("_ZN2at6native8add_stubE", None),
        ("_ZN2at6native8something", None),
    ],
)
def test_the_stub_of_a_symbol_is_known_by_its_type(symbol: str, stub: str | None) -> None:
    assert dispatch_stub(symbol) == stub


@pytest.mark.parametrize(
    ("symbol", "operator"),
    [
        ("_ZN2at6native17structured_ge_out4implERKNS_6TensorE", "ge_out"),
        ("_ZN2at4meta19structured_mm_outer4metaEv", "mm_outer"),
        ("_ZN2at6native10structuredEv", None),
        ("structured_c", "c"),
    ],
)
def test_a_structured_kernel_is_known_by_its_class(symbol: str, operator: str | None) -> None:
    assert structured_operator(symbol) == operator


@given(OPERATORS, OPERATORS)
def test_different_operators_have_different_symbols(one: OperatorName, other: OperatorName) -> None:
    assert (kernel_symbol(one) == kernel_symbol(other)) == (one == other)
