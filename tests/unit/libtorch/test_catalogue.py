import lzma
import re
import struct
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import RELEASE
from builder.foundation.resources import DATA, NATIVE
from builder.libtorch.catalogue import (
    Catalogue,
    OperatorEntry,
    count_results,
    encode_arguments,
    gives_any,
    make_catalogue,
    parse_operators_header,
    parse_promoted,
    parse_registrar,
    parse_unasked,
    split_arguments,
    with_kernels,
    with_newer,
)
from builder.libtorch.codegen import pinned_catalogue
from builder.vocabulary.operators import OperatorName
from builder.vocabulary.plan import Kernels

HEADER: Final = r"""
#pragma once
namespace at { namespace _ops {
struct TORCH_API pad {
  using schema = at::Tensor (const at::Tensor &, c10::SymIntArrayRef, c10::string_view);
  // See Note [static constexpr char* members for windows NVCC]
  static constexpr const char* name = "aten::pad";
  static constexpr const char* overload_name = "";
  static constexpr const char* schema_str = "pad(Tensor self, SymInt[] pad, str mode=\"constant\", float? value=None) -> Tensor";
  static at::Tensor call(const at::Tensor & self, c10::SymIntArrayRef pad);
};
struct TORCH_API add__Tensor {
  using schema = at::Tensor & (at::Tensor &, const at::Tensor &, const at::Scalar &);
  static constexpr const char* name = "aten::add_";
  static constexpr const char* overload_name = "Tensor";
  static constexpr const char* schema_str = "add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)";
};
}}
"""  # noqa: E501  as torchgen writes it
REGISTRAR: Final = r"""
const auto what = "not a schema";
OperatorGenerator("aten::add" ".int(int a, int b) -> " "int", [](Stack& stack) {}, aliasAnalysis());
OperatorGenerator(
    "aten::split.str(str self, str? separator=None, int max=-1) -> str[]", split);
OperatorGenerator("aten::strip(str self, str chars=\" \\n\\t\\f\\v\") -> str", strip);
OperatorGenerator("aten::percentFormat(str self, ...) -> str", percent);
throw Error("expected aten::add(…)", "aten::", "::x() -> y");
"""
UNASKED: Final = r"""
explicit Operator(std::string schema, OperationCreator creator);
return std::optional<Operator>(Operator(std::string(schema_str), std::forward<Func>(op), kind));
return std::optional<Operator>(Operator(name, overload_name, arguments, returns, op, kind));
OperatorGenerator(torch::detail::SelectiveStr<false>("aten::tensor(t[] data) -> Tensor"), list);
OperatorGenerator("aten::by_hand() -> int", hand, aliasAnalysis()),
Operator(
    "aten::set_grad_enabled(" "bool val) -> ()",
    [](Stack& stack) { check(pop(stack).toBool(), "aten::other(int a) -> ()"); },
    aliasAnalysis()),
v.emplace_back(Operator(
    prim::tolist,
    // it has no schema
    [](const Node*) -> Operation { return toList; }, aliasAnalysis()));
"""
PROMOTED: Final = """
const std::vector<PrimOpFunc> ops = {
    mobile::prim_op_fn_register("prim::TupleIndex", tupleIndex),
    mobile::prim_op_fn_register(
        "aten::Bool.Tensor", boolTensor),
    // mobile::prim_op_fn_register("aten::gone", gone),
};
"""


def name(text: str) -> OperatorName:
    return OperatorName.parse(text)


def test_the_generated_headers_hold_schemas_and_call_functions() -> None:
    assert list(parse_operators_header(HEADER, "pad")) == [
        OperatorEntry(
            name("aten::pad"),
            'aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None)'
            " -> Tensor",
            header="pad",
            symbol="pad",
        ),
        OperatorEntry(
            name("aten::add_.Tensor"),
            "aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)",
            header="pad",
            symbol="add__Tensor",
        ),
    ]


def test_registrars_hold_schemas_that_macros_paste() -> None:
    found = list(parse_registrar(REGISTRAR, "x.cpp"))
    assert [entry.schema for entry in found] == [
        "aten::add.int(int a, int b) -> int",
        "aten::split.str(str self, str? separator=None, int max=-1) -> str[]",
        'aten::strip(str self, str chars=" \\n\\t\\f\\v") -> str',
        "aten::percentFormat(str self, ...) -> str",
    ]
    assert {entry.registrar for entry in found} == {"x.cpp"}
    assert str(found[0].name) == "aten::add.int"


def test_what_is_registered_without_a_look_at_the_allow_list_is_found() -> None:
    assert [str(it) for it in parse_unasked(UNASKED)] == ["aten::set_grad_enabled", "prim::tolist"]


def test_a_runtime_has_what_its_registrars_register_unasked() -> None:
    entries = [
        OperatorEntry(name("aten::len.t"), "aten::len.t(t[] a) -> int", registrar="x.cpp"),
        OperatorEntry(name("aten::grad_on"), "aten::grad_on() -> bool", registrar="x.cpp"),
        OperatorEntry(name("aten::relu"), "aten::relu(Tensor self) -> Tensor", symbol="relu"),
        OperatorEntry(name("aten::dim"), ""),
    ]
    unasked = {"x.cpp": [name("prim::tolist"), name("aten::grad_on")], "y.cpp": [name("y::y")]}
    catalogue = make_catalogue(entries, unasked)
    assert catalogue == Catalogue.from_json(catalogue.to_json())
    held = catalogue.held(frozenset({entries[0].name}))
    assert [(str(it.name), it.arguments) for it in held] == [
        ("aten::dim", None), ("aten::grad_on", 0), ("aten::len.t", 1), ("prim::tolist", None),
    ]  # fmt: skip
    assert [str(it.name) for it in catalogue.held(frozenset({entries[2].name}))] == [
        "aten::dim", "aten::relu",
    ]  # fmt: skip


def test_schemas_are_kept_of_all_that_a_linked_registrar_has() -> None:
    entries = [
        OperatorEntry(name("aten::len.t"), "aten::len.t(t[] a) -> int", registrar="x.cpp"),
        OperatorEntry(name("aten::len"), "aten::len(Tensor t) -> int", registrar="x.cpp"),
        OperatorEntry(name("aten::grad_on"), "aten::grad_on() -> bool", registrar="x.cpp"),
        OperatorEntry(name("aten::relu"), "aten::relu(Tensor self) -> Tensor", symbol="relu"),
        OperatorEntry(name("y::y"), "y::y() -> int", registrar="y.cpp"),
    ]
    unasked = {"x.cpp": [name("prim::tolist"), name("aten::grad_on")], "y.cpp": [name("y::y")]}
    catalogue = make_catalogue(entries, unasked)
    selected = frozenset({name("aten::len.t"), name("aten::relu")})
    parsed = catalogue.parsed(selected)
    assert [str(it.name) for it in parsed] == ["aten::grad_on", "aten::len.t"]
    assert catalogue.parsed(frozenset({name("aten::relu")})) == ()


def test_what_the_interpreter_itself_has_is_found() -> None:
    found = list(parse_promoted(PROMOTED))
    assert [str(entry.name) for entry in found] == ["prim::TupleIndex", "aten::Bool.Tensor"]
    assert make_catalogue(found).builtin == {name("prim::TupleIndex"), name("aten::Bool.Tensor")}


def test_of_two_entries_the_first_stays() -> None:
    one = OperatorEntry(name("aten::dim"), "")
    two = OperatorEntry(name("aten::dim"), "aten::dim(Tensor self) -> int", registrar="x.cpp")
    assert make_catalogue([one, two]).entries == {one.name: one}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ("f() -> ()", ()),
        ("f(Tensor self) -> Tensor", ("Tensor self",)),
        ("f(Tensor(a!) self, *, Tensor(b!)[] out) -> ()", ("Tensor(a!) self", "Tensor(b!)[] out")),
        ("f(int[2] stride=[1, 1], int x=0) -> int", ("int[2] stride=[1, 1]", "int x=0")),
        ("f(Dict(str, Tensor)[] d, (int, int) p) -> ()", ("Dict(str, Tensor)[] d", "(int, int) p")),
        ('f(str sep=",", str open="([", str q="\\"") -> ()', (
            'str sep=","', 'str open="(["', 'str q="\\""',
        )),
        ("f(str a='),', int b) -> (int, int)", ("str a='),'", "int b")),
        ("f(str self, ...) -> str", ("str self", "...")),
    ],
)  # fmt: skip
def test_schemas_are_split_at_their_own_commas(schema: str, arguments: tuple[str, ...]) -> None:
    assert split_arguments(schema) == arguments


@pytest.mark.parametrize(
    ("schema", "least", "most"),
    [
        ("f() -> ()", 0, 0),
        ("f(int a, int b, int c=1) -> ()", 2, 3),
        ("f(str a='=', str b=\"|\") -> ()", 0, 2),
        ("f(int a=1, *, int b, int c=1) -> ()", 2, 3),
        ("f(int a, *, int b=1, Tensor(a!) out) -> ()", 2, 3),
        ("f(*, int b=1, Tensor(a!) x, Tensor(b!) y) -> ()", 0, 3),
        ("f(Tensor(a!) self, int n=1) -> ()", 1, 2),
    ],
)
def test_as_many_arguments_as_can_be_completed_are_accepted(
    schema: str, least: int, most: int
) -> None:
    entry = OperatorEntry(name("aten::f"), schema)
    assert [it for it in range(6) if entry.accepts(it)] == list(range(least, most + 1))


@pytest.mark.parametrize("schema", ["", "f(str self, ...) -> str"])
def test_without_a_limit_any_number_is_accepted(schema: str) -> None:
    assert OperatorEntry(name("aten::f"), schema).accepts(100)


@pytest.mark.parametrize(
    ("schema", "encoded"),
    [
        ("f() -> ()", ""),
        ("f(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", "||*i1|"),
        ("f(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", "|>|"),
        ("f(Tensor(a!) self, Tensor other, Tensor(b!)[] more) -> Tensor(a!)", "!||!|"),
        ("f(Tensor? x=None, bool b=True, bool c=False) -> ()", "n|t|f|"),
        ("f(float p=0.5, float eps=1e-05, Scalar s=0.125, float q=2) -> ()",
         "d3fe0000000000000|d3ee4f8b588e368f1|d3fc0000000000000|d4000000000000000|"),
        ("f(int[2] stride=1, int[2] pad=[0, 1], int[] d=[], float[2]? s=None) -> ()",
         "I1,1|I0,1|I|n|"),
        ("f(bool[3] mask=[True, False, True]) -> ()", "Bt,f,t|"),
        ("""f(str a='none', str b="constant", str c="") -> ()""", "snone|sconstant|s|"),
        ('f(str q="\\"", str n="\\n") -> ()', 's"|s\n|'),
        ("f(int r=Mean, MemoryFormat m=contiguous_format) -> ()", "i1|i0|"),
        ("f(int axis=-1) -> ()", "i-1|"),
        ("f(...) -> ()", "~|"),
        ("f(str self, ...) -> str", "|~|"),
        ("f(bool keepdim = False, int[2] pad = [0, 1], str s = 'a b') -> ()", "f|I0,1|sa b|"),
    ],
)  # fmt: skip
def test_defaults_are_encoded_for_the_runtime(schema: str, encoded: str) -> None:
    assert encode_arguments(schema) == encoded


@pytest.mark.parametrize("schema", ["f(Device d=cuda) -> ()", 'f(str s="a|b") -> ()'])
def test_a_default_that_cannot_be_written_is_refused(schema: str) -> None:
    with pytest.raises(ValueError, match=r"cuda|a\|b"):
        encode_arguments(schema)


NAMES = st.from_regex(r"\A[a-z]{1,4}::[a-z]{1,4}(\.[a-z]{1,3})?\Z").map(name)
ENTRIES = st.builds(OperatorEntry, NAMES, st.text(), st.text(), st.text(), st.text())


@given(st.lists(ENTRIES, max_size=5))
def test_a_catalogue_survives_being_written(entries: list[OperatorEntry]) -> None:
    catalogue = make_catalogue(entries)
    assert Catalogue.from_json(catalogue.to_json()) == catalogue
    assert make_catalogue(reversed(list(catalogue.entries.values()))).to_json() == (
        catalogue.to_json()
    )


def test_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown version of the operator catalogue: 1"):
        Catalogue.from_json('{"version": 1, "operators": []}')


def shipped() -> Catalogue:
    (path,) = Path(DATA / "2.6.0").glob("operators-*.json.xz")
    return Catalogue.from_json(lzma.decompress(path.read_bytes()).decode())


def test_the_shipped_catalogue_can_all_be_registered() -> None:
    entries = shipped().entries
    assert len(entries) > 3800
    assert {str(it) for it in shipped().builtin} >= {"aten::Bool.Tensor", "prim::TupleIndex"}
    for entry in entries.values():
        assert entry.name.overload or "." not in entry.schema.partition("(")[0]
        assert "\\" not in entry.schema or "string_default" in entry.symbol or entry.registrar
        if entry.schema and "Dimname" not in entry.schema:  # an operator of ours may take its place
            encode_arguments(entry.schema)


@pytest.mark.torch
def test_the_shipped_schemas_mean_what_torch_reads_in_them() -> None:
    import torch  # noqa: PLC0415

    compared = 0
    for entry in shipped().entries.values():
        if not entry.schema or "Dimname" in entry.schema:  # a kind only the C++ interface has
            continue
        schema = torch._C.parse_schema(entry.schema)
        overload = f".{schema.overload_name}" if schema.overload_name else ""
        assert f"{schema.name}{overload}" == str(entry.name)
        assert entry.accepts(len(schema.arguments))
        if "..." not in entry.schema:
            assert not entry.accepts(len(schema.arguments) + 1), entry.schema
        if entry.symbol or entry.registrar:
            fields = encode_arguments(entry.schema).split("|")[:-1]
            given, _, returned = str(schema).rpartition(" -> ")
            assert ("~" in fields) == given.endswith("...)"), entry.schema
            wanted = [default_of(argument) for argument in schema.arguments]
            assert [decoded(it) for it in fields if it != "~"] == wanted, entry.schema
            assert gives_any(entry.schema) == (returned == "..."), entry.schema
            if returned != "...":
                assert count_results(entry.schema) == len(schema.returns), entry.schema
            compared += 1
    assert compared > 2900


def default_of(argument: Any) -> Any:
    if not argument.has_default_value():
        return ()
    value = argument.default_value
    return getattr(value, "value", value)


def real(bits: str) -> float:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert isinstance(number, float)
    return number


def decoded(field: str) -> Any:
    """Read a field as `native/src/registry/registration.cpp` does; () stands for no default."""
    text = field.lstrip("!*>")
    if not text:
        return ()
    kind, rest = text[0], text[1:]
    scalars: dict[str, Any] = {
        "i": int,
        "I": int,
        "d": real,
        "D": real,
        "B": lambda it: it == "t",
    }
    if kind in "IDB":
        return [scalars[kind](it) for it in rest.split(",") if it]
    if kind in "id":
        return scalars[kind](rest)
    return {"n": None, "t": True, "f": False}.get(text, rest)


@pytest.mark.parametrize(
    ("returned", "count"),
    [
        ("Tensor", 1),
        ("Tensor(a!)[]", 1),
        ("()", 0),
        ("(Tensor, Tensor)", 2),
        ("(Tensor(a!), Tensor(b!), int[2])", 3),
        ("(Tensor, (Tensor, int), Dict(str, int))", 3),
    ],
)
def test_results_are_counted(returned: str, count: int) -> None:
    assert count_results(f"aten::x(int a, (int, int) b) -> {returned}") == count


def test_what_a_source_lacks_is_known_by_name_and_what_it_has_takes_later_arguments() -> None:
    relu, stft = (
        OperatorEntry(
            OperatorName("aten", name), f"aten::{name}(Tensor self) -> Tensor", name, name
        )
        for name in ("relu", "stft")
    )
    schemas = (
        "aten::later.vec(Tensor self, int size) -> Tensor",
        "aten::relu(Tensor x) -> Tensor",
        "aten::stft(Tensor self, int? a=None, *, bool? b=None) -> Tensor",
    )
    both = with_newer(make_catalogue([relu, stft]), schemas)
    assert both.entries[relu.name] == relu
    later = both.entries[OperatorName("aten", "later", "vec")]
    assert later.missing
    assert later.name not in both.builtin
    assert later.accepts(2)
    assert not later.accepts(3)
    longer = both.entries[stft.name]
    assert (longer.later, longer.symbol, longer.accepts(3)) == (2, "stft", True)


def test_what_our_sources_implement_is_an_operator_with_its_source() -> None:
    schemas = {
        "native:src/kernels/x.cpp": [
            "prepacked::run(Tensor x, __torch__.torch.classes.xnnpack.C c) -> Tensor"
        ]
    }
    (entry,) = with_kernels(make_catalogue([]), schemas).entries.values()
    assert (entry.kernel, entry.definer) == (
        "br_kernel_9prepacked_3run_0",
        "native:src/kernels/x.cpp",
    )
    assert entry.classes == {"xnnpack.C"}
    both = with_kernels(make_catalogue([OperatorEntry(OperatorName("aten", "x"), "")]), schemas)
    assert both.usable(Kernels.AUTO) == both
    assert [str(it) for it in both.usable(Kernels.ATEN).entries] == ["aten::x"]
    built_in = make_catalogue([OperatorEntry(entry.name, "")])
    assert with_kernels(built_in, schemas) == built_in
    of_the_tree = OperatorEntry(entry.name, "", kernel="k", source="aten/x.cpp")
    assert of_the_tree.definer == "pytorch:aten/x.cpp"


def test_our_table_of_promoted_operators_is_that_of_the_release() -> None:
    """Models whose bytecode calls one that is not in it would be refused by the loader."""
    text = (NATIVE / "src/registry/promoted.h").read_text(encoding="utf-8")
    named = set(re.findall(r'\{"(\w+::[\w.]+)"', text))
    assert named == {str(name) for name in pinned_catalogue(RELEASE).builtin}
