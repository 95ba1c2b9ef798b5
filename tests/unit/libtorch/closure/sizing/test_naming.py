from builder.libtorch.catalogue import OperatorEntry
from builder.libtorch.closure.sizing.naming import class_names, class_of_symbol, mangled, names_of
from builder.libtorch.kernels import known_classes
from builder.vocabulary.operators import OperatorName

NAME = OperatorName("aten", "eq", "str")


def test_an_operator_asks_for_what_runs_it() -> None:
    assert names_of(OperatorEntry(NAME, "", symbol="eq_str")) == {"at::_ops::eq_str"}
    assert names_of(OperatorEntry(NAME, "", registrar="a.cpp")) == {"aten::eq.str"}
    assert names_of(OperatorEntry(NAME, "", kernel="br_kernel_1")) == {"br_kernel_1"}
    assert names_of(OperatorEntry(NAME, "")) == frozenset()


def test_classes_ask_for_the_calls_that_register_them() -> None:
    every = class_names(it.name for it in known_classes())
    assert every == {it.registration for it in known_classes() if it.registration}
    assert class_names(["rnn.CellParamsBase", "unheard.Of"]) == frozenset()


def test_symbols_are_told_by_the_calls_in_the_table_of_classes() -> None:
    assert class_of_symbol("_Z22register_linear_paramsv") == "register_linear_params()"
    assert class_of_symbol("_Z20register_conv_paramsILi3EEiv") == "register_conv_params<3>()"
    assert class_of_symbol("br_class_xnnpack_conv2d") == "br_class_xnnpack_conv2d()"
    assert class_of_symbol("_Z20register_conv_paramsILi4EEiv") is None


def test_names_are_cut_as_symbols_are() -> None:
    assert mangled("at::_ops::mkldnn_linear") == "_ZN2at4_ops13mkldnn_linear4callE"
    assert mangled("xnn_f32__avx512f") == "xnn_f32__avx512f"
