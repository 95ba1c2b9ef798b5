"""Cuts are sound only where nothing a model asks for touches the feature."""

import re

import pytest

from builder.foundation.resources import DATA, NATIVE
from builder.libtorch.closure.replacements import find_replacement
from builder.libtorch.cuts import (
    WINOGRAD,
    active_cuts,
    all_stand_ins,
    cut_instructions,
    cut_operators,
    feature_of,
    features_touched,
    stand_ins,
)
from builder.libtorch.symbols import read_index
from builder.models.preflight.interpreter import read_interpreter
from builder.vocabulary.operators import CONVOLUTION_3X3, OperatorName, SelectedOperator, Selection
from builder.vocabulary.plan import ExtensionFile, Isa

SPARSE = "_ZN2at4_ops32_sparse_compressed_tensor_unsafe4callERKNS_6TensorES4_"
ADD = "_ZN2at4_ops10add_Tensor4callERKNS_6TensorES4_RKN3c106ScalarE"
FORMAT = "_ZN5torch3jit6formatERNSt3__16vectorIN3c106IValueENS1_9allocatorIS4_EEEEm"
PARSE = "_ZN5torch3jit11parseSchemaERKNSt3__112basic_stringIcNS1_11char_traitsIcEE"
PARSE_NAME = "_ZN5torch3jit9parseNameERKNSt3__112basic_stringIcNS1_11char_traitsIcEE"
BOXED = "_ZNK3c1014OperatorHandle9callBoxedEPNSt3__16vectorINS_6IValueENS1_9allocatorIS3_EEEE"
SELECT = "_ZN2at6native13select_symintERKNS_6TensorElN3c106SymIntE"
ITEM = "_ZN2at6native4itemERKNS_6TensorE"
NAMES = "_ZN3c1015InternedStringsC1Ev"
DISPATCHER = "_ZN3c1010Dispatcher{}"

TOLD = "_ZN3c10lsERNSt3__113basic_ostreamIcNS0_11char_traitsIcEEEERKNS_14FunctionSchemaE"
TOLD_VALUE = "_ZN3c10lsERNSt3__113basic_ostreamIcNS0_11char_traitsIcEEEERKNS_6IValueE"

ALWAYS = {
    "numbers for all names of operators",
    "the dispatcher",
    "operators of the dispatcher",
    "observers",
    "tables of checksums",
    "symbolic shapes",
    "arguments by keyword",
    "gradients",
    "schemas in messages",
}
"""What no model can ask for."""

CONVOLUTIONS = {"convolutions in three dimensions", "transposed convolutions"}
DENSE = "branches for sparse and quantized tensors"
PARSER = "the parser of schemas"
KEEPING = {
    "sparse tensors": {"sparse tensors", DENSE},
    "quantized tensors": {"quantized tensors", DENSE},
    "quantized tensors, all kernels": {"quantized tensors", DENSE, *CONVOLUTIONS},
    "convolutions": CONVOLUTIONS,
    "schemas as text": {"schemas as text", PARSER},
}
"""What goes with a feature that is kept, where that is more than the feature."""

TABLE = {"tensors as lists", "tensors as truth values", "numbers as tensors", "items of dicts"}
"""Functions of the interpreter's own table, for some instructions and operators."""

CUTTABLE = (
    "aten::Bool.Tensor",
    "aten::__getitem__.Dict_str",
    "aten::format",
    "prim::NumToTensor.Scalar",
)
"""Operators that the interpreter always registers, whose features are cut."""

ALL = (
    ALWAYS
    | CONVOLUTIONS
    | TABLE
    | {
        DENSE,
        PARSER,
        "sparse tensors",
        "nested tensors",
        "quantized tensors",
        "oneDNN tensors",
        "string formatting",
        "schemas as text",
        "AVX-512 kernels",
        WINOGRAD,
    }
)


def features(
    *names: str,
    classes: frozenset[str] = frozenset(),
    dtypes: frozenset[str] = frozenset({"Float"}),
    opcodes: frozenset[str] = frozenset({"OP", "RET"}),
) -> set[str]:
    selection = Selection(
        tuple(SelectedOperator(OperatorName.parse(name)) for name in names),
        classes,
        dtypes,
        opcodes,
    )
    return {cut.feature for cut in active_cuts(selection)}


@pytest.mark.parametrize(
    ("kernel", "inside"),
    [
        ("xnn_f32_gemm_minmax_ukernel_7x32__avx512f_broadcast", {Isa.AVX512}),
        ("xnn_f32_gemm_minmax_ukernel_5x16__avx_broadcast", {Isa.AVX2, Isa.AVX512}),
        ("xnn_x8_lut_ukernel__avx", {Isa.AVX2, Isa.AVX512}),
        ("xnn_qs8_vadd_minmax_ukernel__sse41_mul16_ld64_u8", {Isa.AVX2, Isa.AVX512}),
        ("xnn_f32_gemm_minmax_ukernel_5x16__fma3_broadcast", {Isa.FEW, Isa.AVX2, Isa.AVX512}),
        ("xnn_qs8_qc8w_gemm_minmax_fp32_ukernel_5x8c8__avxvnni_prfm", {Isa.AVX2, Isa.AVX512}),
        ("xnn_x8_lut_ukernel__avx2", {Isa.FEW, Isa.AVX2, Isa.AVX512}),
        ("xnn_f32_gemm_minmax_ukernel_4x8__sse_load1", {Isa.FEW, Isa.AVX2, Isa.AVX512}),
    ],
)
def test_kernels_are_inside_for_the_instruction_sets_of_a_plan(
    kernel: str, inside: set[Isa]
) -> None:
    cuts = {isa: active_cuts(Selection(), isa) for isa in Isa if isa is not Isa.AUTO}
    assert {isa for isa, known in cuts.items() if feature_of(kernel, known) is None} == inside


@pytest.mark.parametrize(
    ("selection", "isa", "inside"),
    [
        (Selection(layers=frozenset({CONVOLUTION_3X3})), Isa.AVX2, True),
        (Selection(layers=frozenset({CONVOLUTION_3X3})), Isa.AVX512, True),
        (Selection(layers=frozenset({CONVOLUTION_3X3})), Isa.FEW, False),
        (Selection(), Isa.AVX512, False),
    ],
)
def test_winograd_is_inside_for_layers_that_gain_and_not_where_size_counts(
    selection: Selection,
    isa: Isa,
    inside: bool,  # noqa: FBT001
) -> None:
    cuts = active_cuts(selection, isa)
    run = "_ZNK13build_runtime8Winograd3runERKN2at6TensorEllS4_"
    pack = "_ZN13build_runtime8Winograd4packEN3c108ArrayRefIlEERKNSt3__16vectorIfEES7_ff"
    assert {feature_of(it, cuts) for it in (run, pack)} == {None if inside else WINOGRAD}


def test_what_packs_when_it_runs_may_pack_any_layer() -> None:
    assert WINOGRAD not in features("prepacked::conv2d_clamp_prepack")


def test_a_dense_float_model_needs_none_of_them() -> None:
    assert features("aten::conv2d", "aten::add.Tensor", "aten::quantile") == ALL


@pytest.mark.parametrize(
    ("operator", "kept"),
    [
        ("aten::to_sparse", "sparse tensors"),
        ("aten::sparse_coo_tensor.indices_size", "sparse tensors"),
        ("aten::to_dense", "sparse tensors"),
        ("aten::to_sparse_csr", "sparse tensors"),
        ("aten::_nested_tensor_from_mask", "nested tensors"),
        ("aten::quantize_per_tensor", "quantized tensors"),
        ("aten::dequantize.self", "quantized tensors"),
        ("aten::fake_quantize_per_tensor_affine", "quantized tensors"),
        ("quantized::add", "quantized tensors, all kernels"),
        ("aten::_convolution.deprecated", "convolutions"),
        ("aten::convolution", "convolutions"),
        ("aten::conv3d", "convolutions in three dimensions"),
        ("aten::slow_conv_dilated3d", "convolutions in three dimensions"),
        ("aten::conv_transpose1d", "transposed convolutions"),
        ("aten::conv_transpose2d.input", "transposed convolutions"),
        ("aten::Bool.Tensor", "tensors as truth values"),
        ("aten::__getitem__.Dict_str", "items of dicts"),
        ("aten::__getitem__.Dict_int", "items of dicts"),
        ("prim::NumToTensor.Scalar", "numbers as tensors"),
        ("aten::to_mkldnn", "oneDNN tensors"),
        ("aten::format", "string formatting"),
    ],
)
def test_an_operator_of_a_feature_keeps_it(operator: str, kept: str) -> None:
    assert features("aten::relu", operator) == ALL - KEEPING.get(kept, {kept})


@pytest.mark.parametrize(
    "operator", ["aten::Bool.int", "aten::__getitem__.t", "prim::NumToTensor.bool"]
)
def test_another_overload_keeps_nothing(operator: str) -> None:
    assert features("aten::relu", operator) == ALL


def test_cpp_of_the_users_own_keeps_what_it_may_call_and_compare_with() -> None:
    selection = Selection((SelectedOperator(OperatorName.parse("shop::upscale")),))
    own = (ExtensionFile("operators:upscale.cpp", "0" * 64),)
    kept = {it.feature for it in active_cuts(selection)} - {
        it.feature for it in active_cuts(selection, extension=own)
    }
    assert kept == {*CONVOLUTIONS, "numbers for all names of operators"}


def test_stored_dtypes_classes_and_instructions_keep_features() -> None:
    assert "quantized tensors" not in features("aten::relu", dtypes=frozenset({"QUInt8"}))
    assert "quantized tensors" in features("aten::relu", dtypes=frozenset({"Int", "Long"}))
    assert "schemas as text" not in features("aten::relu", classes=frozenset({"my.Class"}))
    assert features(classes=frozenset({"xnnpack.Conv2dOpContext"})) == ALL
    assert "string formatting" not in features("aten::relu", opcodes=frozenset({"FORMAT"}))


def test_only_calls_of_operators_of_the_feature_are_cut() -> None:
    selection = Selection((SelectedOperator(OperatorName.parse("aten::relu")),))
    cuts = active_cuts(selection)
    assert feature_of(SPARSE, cuts) == "sparse tensors"
    assert feature_of(FORMAT, cuts) == "string formatting"
    assert feature_of(PARSE_NAME, cuts) == "schemas as text"
    assert feature_of(BOXED, cuts) == "operators of the dispatcher"
    assert feature_of(TOLD, cuts) == "schemas in messages"
    assert feature_of(TOLD_VALUE, cuts) is None
    assert feature_of(ADD, cuts) is None
    # asking whether a tensor is sparse must go on working
    assert feature_of("_ZN2at4_ops9is_sparse4callERKNS_6TensorE", cuts) is None
    # kernels and questions of at::native are no calls between operators
    assert feature_of("_ZN2at6native18sparse_mask_kernelERKNS_6TensorE", cuts) is None
    # names that only contain a similar word
    for name in ("index_Tensor", "indices_copy_x", "max_pool2d_with_indices", "embedding"):
        symbol = f"_ZN2at4_ops{len(name)}{name}4callERKNS_6TensorE"
        assert feature_of(symbol, cuts) is None, name


def test_instructions_go_with_their_feature() -> None:
    dense = Selection((SelectedOperator(OperatorName.parse("aten::add.Tensor")),))
    cuttable = ("DICT_INDEX", "FORMAT", "NUM_TO_TENSOR", "TO_LIST")
    assert cut_instructions(active_cuts(dense)) == cuttable
    for opcode in cuttable:
        kept = active_cuts(Selection(opcodes=frozenset({opcode})))
        assert cut_instructions(kept) == tuple(it for it in cuttable if it != opcode)


def test_operators_of_the_interpreter_go_with_their_feature() -> None:
    builtin = frozenset(map(OperatorName.parse, [*CUTTABLE, "aten::dim", "prim::dtype"]))
    assert cut_operators(active_cuts(Selection()), builtin) == CUTTABLE
    for name in CUTTABLE:
        kept = active_cuts(Selection((SelectedOperator(OperatorName.parse(name)),)))
        assert cut_operators(kept, builtin) == tuple(it for it in CUTTABLE if it != name)


def test_a_list_that_gets_all_instructions_keeps_all_operators_of_the_interpreter() -> None:
    every = frozenset(read_interpreter("2.6.0").instructions)
    builtin = map(OperatorName.parse, CUTTABLE)
    assert cut_operators(active_cuts(Selection(opcodes=every)), builtin) == ()
    assert "tensors as truth values" in features(opcodes=every - {"TO_LIST"})


def test_what_touches_a_feature_is_named() -> None:
    selection = Selection(
        (SelectedOperator(OperatorName.parse("aten::quantize_per_tensor")),),
        dtypes=frozenset({"QUInt8"}),
        opcodes=frozenset({"OP", "FORMAT"}),
    )
    assert features_touched(selection) == {
        "quantized tensors": ("aten quantize_per_tensor", "dtype QUInt8"),
        "string formatting": ("opcode FORMAT",),
    }


def test_what_is_left_of_a_function_is_ours_where_its_feature_is_cut() -> None:
    dense = find_replacement(None, stand_ins=stand_ins(active_cuts(Selection())))
    assert dense(SELECT) == dense(ITEM) == "native:src/cuts/dense.cpp"
    assert dense(PARSE) == "native:src/cuts/schemas.cpp"
    assert feature_of(SELECT, active_cuts(Selection())) is None, "it throws nothing"
    quantized = active_cuts(Selection(dtypes=frozenset({"QInt8"})))
    kept = find_replacement(None, stand_ins=stand_ins(quantized))
    assert kept(SELECT) is None
    assert kept(PARSE) == "native:src/cuts/schemas.cpp"


@pytest.mark.parametrize("added", ["17addGlobalCallback", "22addThreadLocalCallback"])
def test_who_adds_an_observer_is_told_that_nothing_is_observed(added: str) -> None:
    replacement = find_replacement(None, stand_ins=stand_ins(active_cuts(Selection())))
    symbol = f"_ZN2at{added}ENS_22RecordFunctionCallbackE"
    assert replacement(symbol) == "native:src/cuts/observers.cpp"


def test_operators_with_schemas_as_texts_have_a_table_and_no_parser() -> None:
    assert features("aten::len.t", "prim::TupleUnpack") == ALL


# What upstream renames is found here, when the index is learned anew: it would come back unseen.
REPLACED = {
    "src/cuts/checksum.cpp": {"mz_crc32"},
    "src/cuts/dense.cpp": {SELECT, ITEM},
    "src/cuts/dispatcher.cpp": {
        DISPATCHER.format("6findOpERKNS_12OperatorNameE"),
        DISPATCHER.format("10findSchemaERKNS_12OperatorNameE"),
        DISPATCHER.format("13realSingletonEv"),
    },
    "src/cuts/gradients.cpp": set(),  # inline there: tests/e2e/test_cuts.py finds it replaced
    "src/cuts/names.cpp": {NAMES},
    "src/cuts/observers.cpp": {
        "_ZN2at18hasGlobalCallbacksEv",
        "_ZN2at20enableRecordFunctionEb",
        "_ZN2at23isRecordFunctionEnabledEv",
        "_ZN2at27getStepCallbacksUnlessEmptyENS_11RecordScopeE",
    },
    "src/cuts/schemas.cpp": {
        "_ZN5torch3jit11parseSchemaERKNSt~12basic_stringIcNS1_11char_traitsIcEENS1_9allocatorIcEEEEb"
    },
}


@pytest.mark.parametrize("index", ["symbols.json.xz", "symbols-quantized.json.xz"])
def test_each_function_that_ours_stand_in_for_is_one_of_upstream(index: str) -> None:
    files = read_index(DATA / "2.6.0" / index).files
    symbols = {
        symbol
        for source, rows in files.items()
        if not source.startswith("native:")
        for symbol in rows
    }
    found = {
        row.source.removeprefix("native:"): set(filter(re.compile(row.symbols).match, symbols))
        for row in all_stand_ins()
    }
    assert found == REPLACED


def test_each_source_that_stands_in_is_there() -> None:
    sources = {row.source.removeprefix("native:") for row in all_stand_ins()}
    assert sources == {f"src/cuts/{it.name}" for it in (NATIVE / "src/cuts").glob("*.cpp")}
