import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.proof.compare import TOLERANCES, Comparison, compare
from builder.vocabulary.checks import Element
from builder.vocabulary.dtypes import DTYPES as ALL
from builder.vocabulary.tolerances import Limits
from builder.vocabulary.value_files import DTYPES, Device, Failure, Quantized, Tensor, Value


def tensor(values: Any, dtype: str = "float32") -> Tensor:
    return Tensor.from_numpy(np.array(values, dtype))


def reasons(actual: Value, expected: Value) -> list[str]:
    return [str(difference) for difference in compare(actual, expected).differences]


def test_every_dtype_of_numbers_with_a_fraction_has_a_tolerance() -> None:
    whole = {it.torch for it in ALL if it.numpy and np.dtype(it.numpy).kind in "iub"}
    assert TOLERANCES.keys() == set(DTYPES) - whole


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_a_dtype_agrees_up_to_its_tolerance_and_not_beyond(dtype: str) -> None:
    limit = TOLERANCES[dtype]
    allowed = limit.absolute + limit.relative * 2.0
    assert not compare(tensor([2 + 0.9 * allowed], dtype), tensor([2], dtype)).differences
    assert compare(tensor([2 + 1.5 * allowed], dtype), tensor([2], dtype)).differences


def test_bfloat16_has_the_tolerance_of_its_few_digits() -> None:
    one, near, far = (
        Tensor("bfloat16", (1,), bytes(it)) for it in ((0x80, 0x3F), (0x81, 0x3F), (0x90, 0x3F))
    )
    assert not compare(near, one).differences
    assert "beyond rtol 0.02" in reasons(far, one)[0]


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in TOLERANCES])
def test_other_dtypes_must_be_equal(dtype: str) -> None:
    if dtype == "bool":
        return
    assert reasons(tensor([1, 5], dtype), tensor([1, 4], dtype)) == [
        "output: 1 of 2 elements differ; worst at [1]: 5, torch answers 4"
    ]


def test_large_integers_are_not_compared_as_floats() -> None:
    assert compare(tensor([2**53], "int64"), tensor([2**53 + 1], "int64")).differences
    assert compare(tensor([2**63 - 1], "int64"), tensor([-(2**63)], "int64")).differences


def test_booleans_must_be_equal() -> None:
    assert reasons(tensor([True, False], "bool"), tensor([False, False], "bool")) == [
        "output: 1 of 2 elements differ; worst at [0]: True, torch answers False"
    ]


def test_nan_agrees_with_nan_only() -> None:
    assert not compare(tensor([np.nan, 1]), tensor([np.nan, 1.00001])).differences
    assert "worst at [0]: nan, torch answers 1.0" in reasons(tensor([np.nan, 2]), tensor([1, 1]))[0]


@pytest.mark.parametrize("other", [1.0, -np.inf, np.nan])
def test_infinity_agrees_with_itself_only(other: float) -> None:
    inf = np.inf
    assert not compare(tensor([inf]), tensor([inf])).differences
    assert compare(tensor([other]), tensor([inf])).differences
    assert compare(tensor([inf]), tensor([other])).differences
    assert compare(float(inf), float(other)).differences
    assert compare(float(other), float(inf)).differences


def test_float16_differences_do_not_overflow() -> None:
    (text,) = reasons(tensor([6e4, 0], "float16"), tensor([-6e4, 1], "float16"))
    assert text.startswith("output: 2 of 2 elements differ")
    assert "worst at [0]" in text


def test_the_worst_element_is_named_by_its_index() -> None:
    actual = np.zeros((2, 3), "float32")
    actual[0, 1], actual[1, 2] = 0.5, -7
    (text,) = reasons(Tensor.from_numpy(actual), tensor(np.zeros((2, 3))))
    assert text == (
        "output: 2 of 6 elements differ beyond rtol 0.0001 atol 1e-05;"
        " worst at [1,2]: -7.0, torch answers 0.0 (7e+05 times what is allowed)"
    )


def test_a_tensor_without_dimensions_has_an_empty_index() -> None:
    assert "worst at []: 1.0, torch answers 2.0" in reasons(tensor(1.0), tensor(2.0))[0]


def test_empty_tensors_agree() -> None:
    assert not compare(tensor(np.zeros((0, 3))), tensor(np.zeros((0, 3)))).differences


@pytest.mark.parametrize(
    ("actual", "expected", "text"),
    [
        (tensor([1, 2]), tensor([[1, 2]]), "is float32[2], torch answers float32[1, 2]"),
        (tensor([1]), tensor([1], "float64"), "is float32[1], torch answers float64[1]"),
        (tensor([1]), 1.0, "is a tensor of float32, torch answers a float"),
        (1, 1.0, "is a int, torch answers a float"),
        (True, 1, "is a bool, torch answers a int"),
        ([1], (1,), "is a list, torch answers a tuple"),
        ("a", "b", "is 'a', torch answers 'b'"),
        (1.0, 1.001, "is 1.0, torch answers 1.001"),
        (None, "b", "is a NoneType, torch answers a str"),
        ([1, 2], [1], "has 2 items, torch answers 1"),
        ({"a": 1}, {"b": 1}, "has keys ['a'], torch answers ['b']"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "has keys ['a', 'b'], torch answers ['b', 'a']"),
        (Failure("no kernel"), 1, "the runtime failed: no kernel"),
        (1, Failure("no kernel"), "the runtime failed: torch failed where the runtime did not"),
    ],
)
def test_what_differs_is_said(actual: Value, expected: Value, text: str) -> None:
    assert reasons(actual, expected) == [f"output: {text}"]


def test_the_path_leads_into_nested_values() -> None:
    actual: Value = {"scores": [(tensor([1]), "x"), (tensor([1]), "y")], "n": 1}
    expected: Value = {"scores": [(tensor([1]), "x"), (tensor([2]), "z")], "n": 2}
    assert [it.path for it in compare(actual, expected, "case 3").differences] == [
        "case 3['scores'][1][0]", "case 3['scores'][1][1]", "case 3['n']",
    ]  # fmt: skip


def test_items_both_have_are_compared_even_when_the_lengths_differ() -> None:
    assert reasons([1, 2], [3]) == [
        "output: has 2 items, torch answers 1", "output[0]: is 1, torch answers 3",
    ]  # fmt: skip


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda it: st.lists(it, max_size=3) | st.dictionaries(st.text(max_size=2), it, max_size=3),
)


@given(VALUES)
def test_every_value_agrees_with_itself(value: Any) -> None:
    assert not compare(value, value).differences


@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
def test_every_tensor_agrees_with_a_copy(values: list[float]) -> None:
    assert not compare(tensor(values), tensor(values)).differences


def worst(actual: Value, expected: Value, limits: Limits | None = None) -> Element:
    found = compare(actual, expected, limits=limits).worst
    assert found is not None
    return found


def test_the_worst_element_is_reported_though_it_passes() -> None:
    found = worst(
        [tensor([1, 2, 3]), tensor([[4, 100.005]])], [tensor([1, 2.0001, 3]), tensor([[4, 100]])]
    )
    assert (found.place, found.dtype) == ("output[1] at [0,1]", "float32")
    assert found.share == pytest.approx(0.5, rel=0.01)
    assert found.error == pytest.approx(0.005, rel=0.01)
    assert str(found).startswith("output[1] at [0,1]: 100.005, torch answers 100.0, off by 0.005")
    assert str(found).endswith("of what is allowed")


def test_the_worst_is_relative_to_what_its_place_allows() -> None:
    # 0.02 off at a thousand is less than 0.001 off at nearly nothing
    found = worst(tensor([1000.02, 0.001]), tensor([1000, 0]))
    assert found.place == "output at [1]"
    assert found.share == pytest.approx(100, rel=0.01)


def test_equal_answers_have_no_worst_element() -> None:
    assert compare([tensor([1]), 1.5, "a", 7], [tensor([1]), 1.5, "a", 7]) == Comparison()


def test_numbers_that_are_no_tensors_have_a_worst_too() -> None:
    found = worst({"a": 1.0, "b": 2.0 + 1e-9}, {"a": 1.0, "b": 2.0})
    assert (found.place, found.dtype) == ("output['b']", "float64")
    assert 0 < found.share < 1


@pytest.mark.parametrize("dtype", [*TOLERANCES])
def test_exact_allows_no_other_bit(dtype: str) -> None:
    sizes = {"float16": 2, "bfloat16": 2, "float32": 4, "complex128": 16}
    one = Tensor(dtype, (1,), bytes(sizes.get(dtype, 8)))
    last = Tensor(dtype, (1,), bytes([1]) + one.data[1:])
    assert not compare(last, one).differences
    (text,) = compare(last, one, limits=Limits(exact=True)).differences
    assert "1 of 1 elements differ; worst at [0]" in str(text)


def test_exact_tells_apart_what_is_equal() -> None:
    exact = Limits(exact=True)
    assert not compare(tensor([-0.0]), tensor([0.0])).differences
    assert compare(tensor([-0.0]), tensor([0.0]), limits=exact).differences
    assert not compare(-0.0, 0.0).differences
    assert compare(-0.0, 0.0, limits=exact).differences
    nan = Tensor("float32", (1,), b"\x01\x00\xc0\x7f")
    assert not compare(nan, tensor([np.nan])).differences
    assert compare(nan, tensor([np.nan]), limits=exact).differences
    assert not compare(nan, nan, limits=exact).differences
    assert not compare(float("nan"), float("nan"), limits=exact).differences


def test_tolerances_can_be_chosen() -> None:
    far, one = tensor([1.05]), tensor([1])
    assert compare(far, one).differences
    assert not compare(far, one, limits=Limits(relative=0.1)).differences
    assert not compare(far, one, limits=Limits(absolute=0.1)).differences
    assert not compare(1.05, 1.0, limits=Limits(relative=0.1)).differences
    near = tensor([1.00001])
    assert not compare(near, one).differences
    (told,) = compare(near, one, limits=Limits(relative=0, absolute=0)).differences
    assert "beyond rtol 0 atol 0" in str(told)
    # what has no tolerance gets none
    assert compare(
        tensor([5], "int64"), tensor([4], "int64"), limits=Limits(absolute=9)
    ).differences


ROUNDED: tuple[float, float] = (0.5, 0.1)
"""One number may be off by a half, and the root mean square of all of them is a tenth."""


@pytest.mark.parametrize(
    ("actual", "text"),
    [
        ([1.4, *[0.0] * 99], ""),
        ([1.6, *[0.0] * 99], "1 of 100 elements differ beyond rtol 0.0001 atol 1e-05 and 0.5 for"),
        ([1.2] * 100, "100 of 100 elements are off by 0.2 (root mean square), and rounding to 8"),
        ([1.05, *[0.05] * 99], ""),
    ],
)
def test_few_numbers_that_were_rounded_otherwise_are_allowed(
    actual: list[float], text: str
) -> None:
    expected = [1.0, *[0.0] * 99] if 0.0 in actual or 0.05 in actual else [1.0] * 100
    found = compare(tensor(actual), tensor(expected), allowance=ROUNDED)
    assert text in "".join(map(str, found.differences))
    assert bool(text) == bool(found.differences)
    assert compare(tensor(actual), tensor(expected)).differences
    exact = Limits(exact=True)
    assert compare(tensor(actual), tensor(expected), limits=exact, allowance=ROUNDED).differences


def test_an_allowance_is_for_the_place_it_is_made_for() -> None:
    expected: Value = {"a": [tensor([1.0]), 2.0], "b": (tensor([3], "uint8"), tensor([4], "int64"))}
    actual: Value = {"a": [tensor([1.3]), 2.3], "b": (tensor([4], "uint8"), tensor([5], "int64"))}
    allowance: Value = {"a": [(0.5, 0.5), None], "b": [(2.0, 2.0), None]}
    found = compare(actual, expected, allowance=allowance)
    assert [it.path for it in found.differences] == ["output['a'][1]", "output['b'][1]"]
    numbers: Value = {"a": [None, (0.5, 0.5)]}
    found = compare(actual, expected, allowance=numbers)
    assert "output['a'][1]" not in [it.path for it in found.differences]


def test_what_is_allowed_for_a_quantized_tensor_is_for_its_numbers() -> None:
    one, other = (Quantized("quint8", tensor([it], "uint8"), (0.1, 3)) for it in (4, 5))
    assert compare(one, other).differences
    assert not compare(one, other, allowance=(1.0, 1.0)).differences
    rescaled = Quantized("quint8", other.stored, (0.2, 3))
    assert compare(one, rescaled, allowance=(1.0, 1.0)).differences


NOTHING = st.none() | st.floats(max_value=0) | st.just(math.nan) | st.text()
"""What allows nothing, wherever it stands: a pair of larger numbers may be an allowance."""


@given(st.recursive(NOTHING, st.lists, max_leaves=5))
def test_no_allowance_is_misread(allowance: Any) -> None:
    expected: Value = [tensor([1.0]), 2.0, {"a": 3.0}]
    assert not compare(expected, expected, allowance=allowance).differences
    assert (
        len(compare([tensor([9.0]), 9.0, {"a": 9.0}], expected, allowance=allowance).differences)
        == 3
    )


def test_the_error_says_how_far_beyond_its_tolerance_the_worst_is() -> None:
    (told,) = reasons(tensor([1.0011]), tensor([1]))
    assert told.endswith("worst at [0]: 1.0011, torch answers 1.0 (10 times what is allowed)")


def test_complex_numbers_have_the_tolerance_of_their_tensors() -> None:
    assert not compare(1 + 2j, 1 + 2j).differences
    assert not compare(1 + (2 + 1e-8) * 1j, 1 + 2j).differences
    assert "1 of 1 elements differ" in reasons(1 + 2.1j, 1 + 2j)[0]
    assert reasons(1.0, 1 + 0j) == ["output: is a float, torch answers a complex"]


def test_devices_must_be_the_same() -> None:
    assert not compare(Device("cpu"), Device("cpu")).differences
    assert reasons(Device("cpu"), Device("meta")) == [
        "output: is Device(name='cpu'), torch answers Device(name='meta')"
    ]


def test_quantized_tensors_store_the_same_integers_for_the_same_numbers() -> None:
    one = Quantized("quint8", tensor([1, 2], "uint8"), (0.5, 10))
    assert not compare(one, one).differences
    other = Quantized("quint8", tensor([1, 3], "uint8"), (0.25, 11))
    assert reasons(one, other) == [
        "output.quantization[0]: is 0.5, torch answers 0.25",
        "output.quantization[1]: is 10, torch answers 11",
        "output: 1 of 2 elements differ; worst at [1]: 2, torch answers 3",
    ]
    signed = Quantized("qint8", tensor([1, 2], "int8"), (0.5, 10))
    assert reasons(one, signed) == ["output: is quint8, torch answers qint8"]
