from dataclasses import replace

import pytest
from hypothesis import given

from builder.report.difference import compare, pair_up
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Fact, Share, SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report
from tests.unit.report.test_document import reports

X86 = make_target(Platform.LINUX, Abi.X86_64)
ARM = make_target(Platform.LINUX, Abi.ARM64_V8A)


def net(size: int, *made: Fact, **operators: int) -> SizeReport:
    named = {f"aten::{name}": cost for name, cost in operators.items()}
    return replace(make_report(X86, size, size // 2, operators=named), made=made)


def test_operators_that_came_and_went_are_told_with_their_models() -> None:
    found = compare(net(1000, add=100, mul=50), net(900, add=80, sub=20))
    assert found.change == 100
    assert found.reasons == (
        "operators added by model net: aten::mul",
        "operators dropped: aten::sub",
    )
    assert [(it.name, it.change, it.reason) for it in found.operators] == [
        ("aten::mul", 50, "added by net"), ("aten::add", 20, ""), ("aten::sub", -20, "dropped"),
    ]  # fmt: skip


def test_a_flag_a_compiler_and_a_dtype_are_reasons() -> None:
    before = (Fact("compiler", "zig 0.16"), Fact("flags", "-a -b -c -d"), Fact("dtypes", "Float"))
    after = (Fact("compiler", "zig 0.17"), Fact("flags", "-a -b -c -e"), Fact("isa", "avx2"))
    found = compare(net(1000, *after), net(1000, *before))
    assert found.reasons == (
        "compiler: zig 0.16 → zig 0.17", "flags: --d +-e",
        "dtypes: Float → none", "isa: none → avx2",
    )  # fmt: skip


def test_what_did_not_change_is_not_listed() -> None:
    same = net(1000, add=100)
    found = compare(same, same)
    assert (found.change, found.reasons) == (0, ())
    assert (found.operators, found.components, found.symbols) == ((), (), ())


def test_parts_name_the_operators_that_they_grew_for() -> None:
    base, new = net(1000, add=100), net(1400, add=500)
    mine = replace(new.symbols[0], symbol="kernel", share=1, size=400)
    new = replace(
        new,
        symbols=(replace(new.symbols[0], size=1000), mine),
        shares=(Share((), 1000), Share(("aten::add",), 400)),
    )
    (symbol,) = compare(new, base).symbols
    assert (symbol.change, symbol.reason) == (400, "aten::add")
    (component,) = compare(new, base).components
    assert (component.change, component.reason) == (400, "aten::add")


def test_what_shrank_names_the_operators_that_it_shrank_for() -> None:
    base, new = net(1400, add=500), net(1000, add=100)
    mine = replace(base.symbols[0], share=1, size=400)
    base = replace(base, symbols=(replace(base.symbols[0], size=1000), mine))
    (component,) = compare(new, base).components
    assert (component.change, component.reason) == (-400, "aten::add")


def test_bases_are_of_the_same_target() -> None:
    new, old = make_report(X86, 10, 5), make_report(ARM, 10, 5)
    assert pair_up([new], [old, new]) == ((new, new),)
    with pytest.raises(
        UsageError, match="base is of linux-arm64-v8a, the artifact of linux-x86_64"
    ):
        pair_up([new], [old])


@given(reports(), reports())
def test_the_parts_explain_the_whole_change(new: SizeReport, base: SizeReport) -> None:
    found = compare(new, base)
    for rows in (found.components, found.symbols):
        assert sum(it.change for it in rows) == found.change
