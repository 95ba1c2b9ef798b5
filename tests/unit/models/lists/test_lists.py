"""Selection files: read as upstream means them, merged without loss, written the same way twice."""

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builder.libtorch.catalogue import OperatorEntry, make_catalogue
from builder.models.lists.operator_list import EMPTY, ListedOperator, OperatorList
from builder.models.lists.reading import MAX_FILE, parse_list, read_list
from builder.models.lists.resolving import changes, expand, from_selection, to_selection
from builder.models.lists.writing import to_yaml
from builder.vocabulary.errors import UsageError
from builder.vocabulary.operators import LAYERS, OperatorName, SelectedOperator, Selection

ADD: Final = OperatorName("aten", "add", "Tensor")
RELU: Final = OperatorName("aten", "relu")

WORDS: Final = st.sampled_from(["a", "b", "net", "app.txt"])
SETS: Final = st.frozensets(WORDS, max_size=3)
NAMES: Final = st.sampled_from([ADD, RELU, OperatorName("aten", "add"), OperatorName("p", "q")])
ENTRIES: Final = st.builds(
    ListedOperator, name=NAMES, root=st.booleans(), training=st.booleans(),
    all_overloads=st.booleans(), debug_info=SETS,
)  # fmt: skip
PAIRS: Final = st.frozensets(
    st.tuples(WORDS, st.sampled_from(["Float", "Half", "QInt8"])), max_size=4
)
LISTS: Final = st.builds(
    OperatorList, operators=st.lists(ENTRIES, max_size=4).map(tuple), all_operators=st.booleans(),
    all_others=st.booleans(), debug_info=SETS, kernels=PAIRS, et_kernels=PAIRS,
    classes=st.frozensets(st.sampled_from(["Conv", "Tree", "quantized.Conv"])), features=SETS,
    dtypes=st.frozensets(st.sampled_from(["Float", "QInt8"])), upgraders=st.booleans(),
    instructions=st.none() | st.frozensets(st.sampled_from(["OP", "FORMAT"])),
    layers=st.frozensets(st.sampled_from(sorted(LAYERS))),
)  # fmt: skip


def listed(*names: str, **fields: Any) -> OperatorList:
    operators = tuple(ListedOperator(name=OperatorName.parse(name)) for name in names)
    return OperatorList(operators=operators, **fields)


def faults(text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse_list(text, "ops.yaml")
    assert "- aten::add.Tensor" in caught.value.hint
    return [line.strip() for line in caught.value.message.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "- aten::add.Tensor\n- aten::relu\n",
        "['aten::relu', 'aten::add.Tensor', 'aten::relu']",
        "aten::add.Tensor\naten::relu\n",
        "# what the app calls\naten::relu  # an activation\naten::add.Tensor",
    ],
)
def test_a_plain_list_takes_exactly_the_overloads_it_names(text: str) -> None:
    found = parse_list(text, "ops.txt")
    by = frozenset({"ops.txt"})
    assert found.operators == (
        ListedOperator(name=ADD, debug_info=by),
        ListedOperator(name=RELU, debug_info=by),
    )
    assert found.instructions is None, "nobody knows what the bytecode uses"
    assert found.called_from_code().instructions == frozenset()


RICH: Final = """\
include_all_operators: false
include_all_non_op_selectives: true
debug_info: [net@1, 7]
operators:
  aten::add.Tensor:
    name: aten::add.Tensor
    is_root_operator: true
    is_used_for_training: false
    include_all_overloads: false
    debug_info: [net@1]
  aten::mul: {}
kernel_metadata: {add_stub: [Float, Half], copy_kernel: []}
et_kernel_metadata: {aten::add.out: [default]}
custom_classes: [Conv2dOpContext]
build_features: [CRONET, opcode.OP, dtype.QInt8, class.quantized.Tree, upgraders]
"""


def test_a_rich_list_has_everything_upstream_has() -> None:
    assert parse_list(RICH, "ops.yaml") == OperatorList(
        operators=(
            ListedOperator(name=ADD, debug_info=frozenset({"net@1"})),
            ListedOperator(
                name=OperatorName("aten", "mul"), training=True, all_overloads=True,
                debug_info=frozenset({"ops.yaml"}),
            ),
        ),
        all_others=True,
        debug_info=frozenset({"net@1", "7"}),
        kernels=frozenset({("add_stub", "Float"), ("add_stub", "Half")}),
        et_kernels=frozenset({("aten::add.out", "default")}),
        classes=frozenset({"Conv2dOpContext", "quantized.Tree"}),
        features=frozenset({"CRONET"}),
        dtypes=frozenset({"QInt8"}),
        upgraders=True,
        instructions=frozenset({"OP"}),
    )  # fmt: skip


def test_everything_that_is_wrong_with_a_file_is_told_at_once() -> None:
    assert faults("""
opperators: {}
include_all_operators: 1
operators:
  add.Tensor: {}
  7: {}
  aten::mul: []
  aten::relu:
    {is_root_operater: true, name: aten::rely, include_all_overloads: maybe, debug_info: x}
kernel_metadata: {add_stub: [Flaot], copy: Float}
custom_classes: {a: b}
build_features: [dtype.Dubble]
""") == [
        "ops.yaml is no operator list:",
        "unknown key 'opperators' (did you mean operators?)",
        "include_all_operators must be true or false, not 1",
        "custom_classes must be a list of names",
        "kernel_metadata: copy must be a list of names",
        "kernel_metadata: unknown dtype 'Flaot' (did you mean Float or BFloat16?)",
        "build_features: unknown dtype 'Dubble' (did you mean Double?)",
        "'add.Tensor' is no operator name (did you mean aten::add.Tensor?)",
        "an operator name must be text, not 7",
        "aten::mul: must have keys, `aten::mul: {}` at least",
        "unknown aten::relu: key 'is_root_operater' (did you mean is_root_operator?)",
        "aten::relu: its name is given as 'aten::rely'",
        "aten::relu: include_all_overloads must be true or false, not 'maybe'",
        "aten::relu: debug_info must be a list of names",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it names no operators"),
        ("7", "'7' is no operator name"),
        ("# nothing", "it names no operators"),
        ('"7"', "it names no operators"),
        ("operators: {aten::a: {}, aten::a: {}}", "line 1: 'aten::a' is there twice"),
        ("a: [", "line 1: expected"),
        ("- !!python/object:os.system {}", "could not determine a constructor"),
        ("? [1]\n: 2", "no operator list"),
        ("- 2001-99-99", "no operator list"),
        ("[" * 600, "no operator list"),
        ("- aten::a b", "'aten::a b' is no operator name"),
        ("- [aten::a]", "an operator name must be text, not a list"),
        ('- "\\x1b[31m"', r"'\x1b[31m' is no operator name"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(text: str, words: str) -> None:
    assert words in "\n".join(faults(text))


def test_no_end_of_faults_is_cut_short() -> None:
    told = faults("\n".join(f"- {number}x" for number in range(1000)))
    assert len(told) == 42
    assert told[-1] == "and 960 more"


def test_references_that_multiply_are_harmless() -> None:
    rows = ["a: &a0 [x]"] + [
        f"a{it}: &a{it} [{', '.join([f'*a{it - 1}'] * 9)}]" for it in range(1, 9)
    ]
    assert "unknown key 'a8'" in "\n".join(faults("\n".join(rows)))


@pytest.mark.parametrize(
    ("data", "words"), [(b"\xff\xfe\x00", "it is not text"), (b" " * (MAX_FILE + 1), "too large")]
)
def test_files_that_are_no_text_are_refused(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "ops.yaml").write_bytes(data)
    with pytest.raises(UsageError, match=words):
        read_list(tmp_path / "ops.yaml")
    with pytest.raises(UsageError, match="No such file"):
        read_list(tmp_path / "other.yaml")


@given(LISTS, LISTS, LISTS)
def test_the_union_is_associative_commutative_and_idempotent(
    a: OperatorList, b: OperatorList, c: OperatorList
) -> None:
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a
    assert a | a == a
    assert a | EMPTY == a


@given(LISTS, LISTS)
def test_a_union_loses_nothing(a: OperatorList, b: OperatorList) -> None:
    union = a | b
    assert a.kernels | b.kernels == union.kernels
    for entry in a.operators:
        (merged,) = (it for it in union.operators if it.name == entry.name)
        assert entry.debug_info <= merged.debug_info
        assert merged.root >= entry.root
        assert merged.training >= entry.training
        assert merged.all_overloads >= entry.all_overloads


def named(one: OperatorList) -> OperatorList:
    """Give every operator and the file a name, as reading does."""
    name = OperatorList(debug_info=frozenset({"f"}))
    operators = tuple(
        ListedOperator(
            name=it.name, root=it.root, training=it.training, all_overloads=it.all_overloads,
            debug_info=it.debug_info or frozenset({"f"}),
        )
        for it in one.operators
    )  # fmt: skip
    return OperatorList(operators=operators) | one | name


@given(LISTS)
def test_what_is_written_is_read_again(one: OperatorList) -> None:
    one = named(one)
    again = parse_list(to_yaml(one, comment="of two\nlines"), "f")
    assert again == one or (one.instructions == frozenset() and again.instructions is None)
    assert to_yaml(again) == to_yaml(one)


@given(LISTS, LISTS)
def test_no_change_is_missed_and_none_is_made_up(a: OperatorList, b: OperatorList) -> None:
    assert not changes(a, a)
    assert bool(changes(a, b)) is (a != b) or {a.instructions, b.instructions} == {
        None,
        frozenset(),
    }


@pytest.mark.torch
@given(LISTS, LISTS)
def test_torchgen_merges_the_same_way(a: OperatorList, b: OperatorList) -> None:
    from torchgen.selective_build.selector import (  # noqa: PLC0415
        SelectiveBuilder,
        combine_selective_builders,
    )

    def theirs(one: OperatorList) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load(to_yaml(one))
        return document

    a, b = named(a), named(b)
    combined = combine_selective_builders(
        SelectiveBuilder.from_yaml_dict(theirs(a)), SelectiveBuilder.from_yaml_dict(theirs(b))
    ).to_dict()
    ours = theirs(a | b)
    assert (ours.get("et_kernel_metadata") or {}) == combined.pop("et_kernel_metadata")
    ours.pop("et_kernel_metadata", None)
    for name, row in combined["operators"].items():
        combined["operators"][name] = {**row, "debug_info": sorted(row["debug_info"])}
    if (a | b).instructions is None:  # torchgen does not know that unknown stays unknown
        combined["build_features"] = [
            it for it in combined["build_features"] if not it.startswith("opcode.")
        ]
    assert ours == combined


@pytest.mark.torch
def test_torchgen_reads_what_is_written() -> None:
    from torchgen.selective_build.selector import SelectiveBuilder  # noqa: PLC0415

    text = to_yaml(listed("aten::relu", "aten::add.Tensor", classes=frozenset({"quantized.Conv"})))
    builder = SelectiveBuilder.from_yaml_str(text)
    assert builder.is_root_operator("aten::relu")
    assert builder.is_operator_selected("aten::add.Tensor")
    assert not builder.is_operator_selected("aten::add.out")
    assert not builder.is_operator_selected_for_training("aten::relu")
    assert builder.custom_classes == {"Conv"}


KNOWN: Final = make_catalogue(
    OperatorEntry(OperatorName.parse(name), "")
    for name in ("aten::add.Tensor", "aten::add.Scalar", "aten::relu", "aten::relu_")
)


def test_all_overloads_are_those_of_the_catalogue() -> None:
    wanted = parse_list("operators: {aten::add: {}, aten::relu_: {}, aten::zzz: {}}", "f")
    names = [str(it.name) for it in expand(wanted, KNOWN).operators]
    assert names == ["aten::add.Scalar", "aten::add.Tensor", "aten::relu_", "aten::zzz"]


def test_a_name_with_an_overload_is_that_overload_alone() -> None:
    """As in torchgen, where the flag concerns names without one."""
    wanted = parse_list("operators: {aten::add.Scalar: {}}", "f")
    assert [str(it.name) for it in expand(wanted, KNOWN).operators] == ["aten::add.Scalar"]


def test_everything_there_is_cannot_be_asked_for() -> None:
    with pytest.raises(UsageError, match="f: include_all_operators asks for everything"):
        expand(parse_list("include_all_operators: true", "f"), KNOWN)


def select(one: OperatorList) -> Selection:
    return to_selection(
        one,
        instructions=["OP", "FORMAT"],
        classes=["quantized.Conv"],
        all_dtypes=frozenset({"Float", "Half"}),
    )


def test_a_selection_has_the_roots_and_what_else_a_list_knows() -> None:
    selection = select(parse_list(RICH.replace("is_root_operator: true", "is_root_operator: false")
                                  .replace("Conv2dOpContext", "Conv"), "ops.yaml"))  # fmt: skip
    assert selection == Selection(
        operators=(SelectedOperator(OperatorName("aten", "mul"), ("ops.yaml",)),),
        classes=frozenset({"quantized.Conv", "quantized.Tree"}),
        dtypes=frozenset({"QInt8", "Float", "Half"}),
        opcodes=frozenset({"OP"}),
        upgraders=True,
    )


def test_a_list_that_does_not_know_its_instructions_gets_all() -> None:
    assert select(parse_list("- aten::relu", "f")).opcodes == {"OP", "FORMAT"}
    assert select(parse_list("- aten::relu", "f").called_from_code()).opcodes == frozenset()


def test_its_layers_may_be_any() -> None:
    assert select(parse_list("- aten::relu", "f")).layers == LAYERS
    assert select(parse_list("- aten::relu", "f").called_from_code()).layers == frozenset()


SELECTIONS: Final = st.builds(
    Selection,
    operators=st.lists(
        st.builds(SelectedOperator, NAMES, SETS.filter(bool).map(tuple)), max_size=4
    ).map(tuple),
    classes=st.frozensets(st.sampled_from(["quantized.Conv", "my.Tree"])),
    dtypes=st.frozensets(st.sampled_from(["Float", "QInt8"])),
    opcodes=st.frozensets(st.sampled_from(["OP", "FORMAT"]), min_size=1),
    upgraders=st.booleans(),
    layers=st.frozensets(st.sampled_from(sorted(LAYERS))),
)


@given(SELECTIONS)
def test_a_selection_survives_being_written(selection: Selection) -> None:
    """So a runtime is the same from its own selected_operators.yaml as from its models."""
    assert select(parse_list(to_yaml(from_selection(selection)), "f")) == selection


@given(SELECTIONS, SELECTIONS)
def test_lists_and_selections_have_one_union(a: Selection, b: Selection) -> None:
    assert reduce(or_, map(from_selection, (a, b)), EMPTY) == from_selection(a | b)


def test_changes_name_the_models() -> None:
    before = parse_list(
        "operators: {aten::add.Tensor: {debug_info: [old]}, aten::relu: {debug_info: [a]}}", "f"
    )
    after = parse_list(
        "operators: {aten::relu: {debug_info: [b]}, aten::mul: {debug_info: [b, c]}}", "f"
    )
    assert changes(before, after) == (
        "+ aten::mul   needed by b, c",
        "- aten::add.Tensor   was for old",
        "~ aten::relu   now also needed by b",
        "~ aten::relu   no longer needed by a",
    )
