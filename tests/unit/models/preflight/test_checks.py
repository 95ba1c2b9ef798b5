"""Everything that is in the way of the models is found before anything is compiled."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from builder.libtorch.catalogue import Catalogue, OperatorEntry, make_catalogue
from builder.libtorch.codegen import pinned_catalogue
from builder.models.preflight.checks import find_problems
from builder.models.preflight.interpreter import Interpreter, read_interpreter
from builder.models.preflight.problems import Problem, refuse
from builder.models.selection import select
from builder.vocabulary.errors import ModelError
from builder.vocabulary.models import Code, Method, Model, ModelFormat
from builder.vocabulary.operators import (
    OperatorName,
    OperatorUse,
    SelectedOperator,
    Selection,
    SourceLine,
)

INTERPRETER: Final = Interpreter(
    "2.6.0", (4, 9), (1, 10), frozenset({"OP", "RET"}), frozenset({"quantized.Packed"})
)


def model(
    name: str, *uses: tuple[str, int | None], classes: Iterable[str] = (),
    opcodes: Iterable[str] = ("OP", "RET"), bytecode: int = 8, operator_set: int = 10,
) -> Model:  # fmt: skip
    operators = tuple(OperatorUse(OperatorName.parse(it), count) for it, count in uses)
    return Model(
        name=name, source=Path(f"{name}.pt"), path=Path(f"{name}.ptl"), sha256="0",
        format=ModelFormat.TORCHSCRIPT, bytecode_version=bytecode, operator_version=operator_set,
        methods=(Method(f"__torch__.{name}.forward", operators, frozenset(opcodes)),),
        classes=frozenset(classes), dtypes=frozenset({"Float"}), bundled_inputs=False,
        root=f"__torch__.{name}",
    )  # fmt: skip


def catalogue(*schemas: str) -> Catalogue:
    return make_catalogue(
        OperatorEntry(OperatorName.parse(it.partition("(")[0]), it if "(" in it else "")
        for it in schemas
    )


KNOWN: Final = catalogue(
    "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "aten::relu(Tensor self) -> Tensor",
    "aten::percentFormat(str self, ...) -> str",
    "aten::dim",
)


def problems(*models: Model) -> tuple[Problem, ...]:
    return find_problems(iter(models), select(models), KNOWN, INTERPRETER)


def test_what_the_source_has_is_accepted() -> None:
    assert not problems(
        model("a", ("aten::add.Tensor", 3), ("aten::dim", 1), classes=["quantized.Packed"]),
        model("b", ("aten::percentFormat", 12), ("aten::relu", None)),
    )


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        model("one", ("aten::ad.Tensor", 2), ("aten::relu", 2), ("shop::tax", None)),
        model("2", ("aten::ad.Tensor", 2), ("aten::relu", 1), classes=["my.Tree", "my.Bark"]),
        model("old", bytecode=3, operator_set=11, opcodes=["OP", "FORK"]),
    )
    assert [str(it) for it in found] == [
        "bytecode version 3: this source reads 4 to 9; used by old",
        "operator set 11: this source reads 1 to 10; used by old",
        (
            "aten::ad.Tensor: not in this source (did you mean aten::add.Tensor?);"
            " used by 2 in 2.forward; one in one.forward"
        ),
        "aten::relu: called with 2 arguments, this source takes 1; used by one in one.forward",
        (
            "shop::tax: not in this source: it is of a library of the namespace shop;"
            " used by one in one.forward"
        ),
        "instruction FORK: the lite interpreter does not run it; used by old in old.forward",
        "custom class my.Bark: not supported: it is of a library of the namespace my; used by 2",
        "custom class my.Tree: not supported: it is of a library of the namespace my; used by 2",
    ]


def test_arguments_that_nothing_completes_are_told() -> None:
    (found,) = problems(model("a", ("aten::add.Tensor", 1)), model("b", ("aten::add.Tensor", 2)))
    assert str(found) == (
        "aten::add.Tensor: called with 1 arguments, this source needs 2; used by a in a.forward"
    )


def followed(*steps: tuple[str, int, int]) -> Model:
    """Return a model whose one operator, `aten::add.Tensor`, does not tell how many it is given."""
    add = OperatorUse(OperatorName("aten", "add", "Tensor"))
    code = Code((("STOREN", 1, 2), *steps, ("RET", 0, 0)), (add,), 2, (), 2, 0)
    one = model("net", ("aten::add.Tensor", None))
    (method,) = one.methods
    return replace(one, methods=(replace(method, code=code),))


def test_a_stack_that_no_runtime_follows_is_told() -> None:
    load, add = ("LOAD", 1, 0), ("OP", 0, 0)
    assert not problems(followed(load, load, load, add))
    (found,) = problems(followed(load, load))
    assert (found.kind, str(found)) == (
        "bytecode",
        "the bytecode: does not return one value: it is damaged; used by net in net.forward",
    )
    (found,) = problems(followed(load, load, add))
    assert found.kind == "arguments"
    assert str(found) == (
        "aten::add.Tensor: given fewer arguments than this source takes: its bytecode does not tell"
        " how many; used by net in net.forward"
    )
    assert "save it again with a newer torch" in found.do


def test_one_error_tells_them_all_and_what_to_do() -> None:
    found = problems(model("a", ("torchvision::nms", 3), opcodes=["FORK"]))
    with pytest.raises(ModelError) as caught:
        refuse(found, "2.6.0")
    assert caught.value.exit_code == 3
    assert all(str(it) in caught.value.message for it in found)
    assert "name C++ that registers it: --ops-source FILE.cpp" in caught.value.hint
    assert "torch.jit.fork" in caught.value.hint
    refuse((), "2.6.0")


def test_another_overload_is_named_with_those_there_are() -> None:
    (found,) = problems(model("a", ("aten::add.qqqqqqqqqqqqqqqqqqqqqqqq", 2)))
    assert "not in this source (it has aten::add.Tensor)" in str(found)


def test_hundreds_of_unknown_operators_are_told_without_guessing_at_each() -> None:
    many = model("a", *((f"aten::rel{number}", 1) for number in range(100)))
    found = problems(many)
    assert len(found) == 100
    assert sum("did you mean aten::relu" in str(it) for it in found) == 40


def test_the_methods_that_call_it_are_named_and_counted() -> None:
    many = model("a", ("aten::zzz", 1))
    (method,) = many.methods
    many = replace(
        many,
        methods=tuple(replace(method, name=f"__torch__.M.m{it}") for it in range(5)),
        root="__torch__.M",
    )
    (found,) = problems(many)
    assert str(found).endswith("; used by a in M.m0, M.m1, M.m2 and 2 more")
    assert [it["method"] for it in found.document()["uses"]] == [f"M.m{it}" for it in range(5)]


def test_the_lines_of_the_models_own_source_are_named() -> None:
    one = model("a", ("aten::zzz", 1))
    lines = (
        SourceLine("/home/me/net.py", 12, "return torch.zzz(x)"),
        SourceLine("/home/me/net.py", 40, "y = \x1b[31m" + "z" * 100),
    )
    (method,) = one.methods
    calls = tuple(replace(it, lines=lines) for it in method.operators)
    one = replace(one, methods=(replace(method, operators=calls),))
    (found,) = problems(one)
    assert (
        "used by a in a.forward (net.py:12: return torch.zzz(x)), a.forward (net.py:40: y = "
        in str(found)
    )
    assert "\x1b" not in str(found)
    assert len(str(found)) < 250
    assert found.document()["uses"][0] == {
        "model": "a", "method": "a.forward", "line": "net.py:12", "text": "return torch.zzz(x)",
    }  # fmt: skip


def test_who_asks_without_a_model_is_named_too() -> None:
    wanted = OperatorName("aten", "zzz")
    extra = Selection((SelectedOperator(wanted, ("app.txt", "a")),))
    one = model("a", ("aten::zzz", 1))
    (found,) = find_problems((one,), select((one,)) | extra, KNOWN, INTERPRETER)
    assert str(found).endswith("; used by a in a.forward; app.txt")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision::nms", "torchvision"),
        ("mkldnn::_convolution_pointwise", "oneDNN"),
        ("vulkan_prepack::create_conv2d_context", "Vulkan"),
        ("metal_prepack::conv2d_run", "Metal"),
        ("my_company::gelu", "a library of the namespace my_company"),
    ],
)
def test_other_libraries_are_named_with_what_to_do(name: str, words: str) -> None:
    (found,) = problems(model("a", (name, 1)))
    assert words in found.message
    assert found.do.startswith(f"{name.split('::', maxsplit=1)[0]}::…: ")


def test_the_catalogue_decides_what_is_supported_and_no_list_of_namespaces() -> None:
    known = catalogue("torchvision::nms(Tensor a, Tensor b, float c) -> Tensor")
    one = model("a", ("torchvision::nms", 3), ("torchvision::mns", 3))
    (found,) = find_problems((one,), select((one,)), known, INTERPRETER)
    assert "torchvision::mns: not in this source (did you mean torchvision::nms?)" in str(found)


def test_the_pinned_release_is_known() -> None:
    interpreter = read_interpreter("2.6.0")
    assert interpreter.bytecode == (4, 9)
    assert interpreter.operator_sets == (1, 10)
    assert len(interpreter.instructions) == 41
    assert OperatorName("aten", "add", "Tensor") in pinned_catalogue("2.6.0").entries


@pytest.mark.parametrize(
    ("operator", "library"),
    [
        ("aten::fft_rfft", None),
        ("aten::linalg_inv", "LAPACK"),
        ("aten::linalg_svd", "LAPACK"),
        ("aten::linalg_matrix_norm.str_ord", None),
        ("aten::linalg_vector_norm", None),
        ("aten::matmul", None),
    ],
)
def test_operators_of_libraries_that_are_not_linked_are_told_before_a_build(
    operator: str, library: str | None
) -> None:
    net = model("net", (operator, None))
    known = pinned_catalogue("2.6.0")
    found = find_problems([net], select([net]), known, read_interpreter("2.6.0"))
    told = [it.message for it in found]
    expected = f"needs {library}, which is not linked: it would fail when it runs"
    assert told == ([expected] if library else [])


def test_types_that_no_lite_interpreter_reads_are_told_with_the_methods() -> None:
    net = model("net", ("aten::relu", 1))
    (method,) = net.methods
    net = replace(net, methods=(replace(method, unreadable=("the type __torch__.Point",)),))
    (found,) = problems(net)
    assert found.kind == "type"
    assert str(found) == (
        "the type __torch__.Point: no lite interpreter reads it, torch's own neither;"
        " used by net in net.forward"
    )


def test_a_model_without_a_method_is_no_model() -> None:
    bare = replace(model("tensor"), methods=())
    inner = replace(model("inner", ("aten::relu", 1)), root="__torch__.Outer")
    (found,) = problems(bare, inner, model("net", ("aten::relu", 1)))
    assert str(found) == (
        "methods: there is none that an app could call: it holds tensors alone; used by inner;"
        " tensor"
    )
    assert "torch::save of C++" in found.do


@pytest.mark.parametrize(
    ("name", "dtype", "refused"),
    [
        ("quantized.LinearPackedParamsBase", "Float", True),
        ("quantized.LinearPackedParamsBase", "QInt8", False),
        ("quantized.Conv2dPackedParamsBase", "QInt8", False),
        ("rnn.CellParamsBase", "Float", False),
    ],
)
def test_weights_that_only_another_engine_packs_are_told(
    name: str, dtype: str, refused: bool  # noqa: FBT001
) -> None:  # fmt: skip
    told = replace(model("net", ("aten::relu", 1)), packed=frozenset({(name, dtype)}))
    interpreter = replace(INTERPRETER, packings=read_interpreter("2.6.0").packings)
    found = find_problems([told], select([told]), KNOWN, interpreter)
    assert [it.message for it in found] == [
        "weights of float16 dynamic quantization need FBGEMM, which is not linked"
    ] * refused


@pytest.mark.parametrize(
    ("operator", "library"),
    [
        ("aten::fbgemm_linear_int8_weight", "FBGEMM"),
        ("quantized::conv2d_add", "oneDNN"),
        ("onednn::qlinear_prepack", "oneDNN"),
        ("quantized::linear_dynamic_fp16", None),  # in a dead branch of each int8 model
        ("quantized::linear_dynamic", None),
    ],
)
def test_operators_of_other_engines_are_told(operator: str, library: str | None) -> None:
    found = read_interpreter("2.6.0").needs(OperatorName.parse(operator))
    assert (found and found.library) == library
