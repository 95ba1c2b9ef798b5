from typing import Final

import pytest

from builder.compilation.memory_use import memory_use, memory_uses, new_results
from builder.libtorch.catalogue import OperatorEntry
from builder.libtorch.codegen import pinned_catalogue
from builder.vocabulary.operators import OperatorName

NORM: Final = "Tensor? weight, Tensor? bias, Tensor{} running_mean, Tensor? running_var"


def entry(schema: str) -> OperatorEntry:
    return OperatorEntry(OperatorName.parse(schema.partition("(")[0]), schema)


@pytest.mark.parametrize(
    ("schema", "use"),
    [
        ("aten::relu(Tensor self) -> Tensor", "n"),
        ("aten::unheard_of(Tensor self) -> Tensor", ""),
        ("aten::dropout(Tensor input, float p, bool train) -> Tensor", ""),
        ("aten::relu_(Tensor(a!) self) -> Tensor(a!)", "w"),
        ("aten::clear.t(t[](a!) self) -> ()", "w"),
        ("aten::add.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", "o"),
        ("aten::frexp_(Tensor(a!) self) -> (Tensor(a!), Tensor)", "o"),
        ("aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)", "h"),
        ("aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", "h"),
        ("aten::choose(Tensor(a) self, Tensor(b) other) -> Tensor(a)", ""),
        (f"aten::batch_norm(Tensor input, {NORM.format('?')}, bool training) -> Tensor", "5"),
        (f"aten::renorm(Tensor input, {NORM.format('?')}) -> Tensor", "o"),
        (f"aten::_legit(Tensor input, {NORM.format('(a!)')}, bool training) -> Tensor", "o"),
    ],
)
def test_a_schema_tells_what_is_written(schema: str, use: str) -> None:
    assert memory_use(entry(schema)) == use


def test_what_the_interpreter_has_itself_writes_nothing() -> None:
    assert not memory_use(OperatorEntry(OperatorName("prim", "TupleIndex"), ""))


def test_operators_are_sorted_as_a_binary_search_compares_them() -> None:
    names = ("aten::relu_", "aten::relu", "aten::add_.Tensor", "aten::addmm")
    schemas = [f"{it}(Tensor{'(a!)' if '_' in it else ''} self) -> Tensor" for it in names]
    listed = [name for name, _ in memory_uses(map(entry, schemas))]
    assert listed == sorted(listed, key=str.encode)
    assert len(listed) == len(names)


def test_every_operator_of_the_catalogue_is_judged_by_one_letter() -> None:
    entries = pinned_catalogue("2.6.0").entries
    uses = {name: memory_use(it) for name, it in entries.items()}
    assert {len(use) for use in uses.values()} == {0, 1}
    in_place = {
        use for name, use in uses.items() if name.base.endswith("_") and name.base[0] != "_"
    }
    assert in_place == {"w", "o"}
    assert uses[OperatorName("aten", "_no_grad_embedding_renorm_")] == "w"


def test_operators_with_new_results_are_in_the_catalogue_and_declare_no_alias() -> None:
    known: dict[str, list[str]] = {}
    for name, it in pinned_catalogue("2.6.0").entries.items():
        known.setdefault(f"{name.namespace}::{name.base}", []).append(it.schema)
    assert new_results() <= known.keys()
    aliased = {
        schema
        for base in new_results()
        for schema in known[base]
        if "(a)" in schema or "(a -> *)" in schema
    }
    assert not aliased
