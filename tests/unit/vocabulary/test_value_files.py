import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.vocabulary.value_files import (
    DTYPES,
    MAX_DEPTH,
    Device,
    Failure,
    Quantized,
    Tensor,
    Value,
    decode,
    encode,
    encode_inputs,
)

_ITEM_SIZES = {
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "bool": 1,
    "bfloat16": 2,
}
_HEADER = b"BRVF\x01\x00\x00\x00"


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    size = math.prod(shape) * _ITEM_SIZES[dtype]
    return Tensor(dtype, shape, draw(st.binary(min_size=size, max_size=size)))


@st.composite
def quantized(draw: st.DrawFn) -> Quantized:
    dtype, stored, size = draw(
        st.sampled_from((("qint8", "int8", 1), ("quint8", "uint8", 1), ("qint32", "int32", 4)))
    )
    count = draw(st.integers(0, 4))
    data = draw(st.binary(min_size=count * size, max_size=count * size))
    along = st.tuples(tensors(), tensors(), _INTS)
    parameters = draw(st.one_of(st.tuples(_FLOATS, _INTS), along))
    return Quantized(dtype, Tensor(stored, (count,), data), parameters)


_INTS = st.integers(-(2**63), 2**63 - 1)
_FLOATS = st.floats(allow_nan=False)
_COMPLEX = st.complex_numbers(allow_nan=False)
_KEYS = st.one_of(st.booleans(), _INTS, _FLOATS, st.text(), tensors(), st.tuples(_INTS, st.text()))
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        _INTS,
        _FLOATS,
        st.text(),
        tensors(),
        st.builds(Failure, st.text()),
        _COMPLEX,
        st.builds(Device, st.text()),
        quantized(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_KEYS, inner, max_size=4),
    ),
    max_leaves=20,
)


def _typed(value: Value) -> object:
    """Make `1`, `1.0` and `True` differ, which plain equality would not."""
    match value:
        case list() | tuple():
            return (type(value), [_typed(item) for item in value])
        case dict():
            return [(_typed(key), _typed(item)) for key, item in value.items()]
        case float():
            return (float, value.hex())
        case _:
            return (type(value), value)


@given(_VALUES)
def test_decode_inverts_encode(value: Value) -> None:
    assert _typed(decode(encode(value))) == _typed(value)


@given(_VALUES, st.data())
def test_every_truncation_is_refused(value: Value, data: st.DataObject) -> None:
    whole = encode(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="value file"):
        decode(whole[:cut])


@given(st.binary(max_size=200))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    try:
        value = decode(_HEADER + noise)
    except ValueError:
        return
    # Equal keys and texts have one spelling each, so what is read is what was written.
    assert _typed(decode(encode(value))) == _typed(value)


def test_nan_survives_bit_for_bit() -> None:
    payload = struct.pack("<Q", 0x7FF8_0000_0000_1234)
    assert encode(decode(_HEADER + b"\x03" + payload)) == _HEADER + b"\x03" + payload


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (None, b"\x00"),
        (True, b"\x01\x01"),
        (-2, b"\x02\xfe" + b"\xff" * 7),
        (1.0, b"\x03" + b"\x00" * 6 + b"\xf0\x3f"),
        ("é", b"\x04\x02\x00\x00\x00\xc3\xa9"),
        (
            Tensor("int16", (2,), b"\x01\x00\x02\x00"),
            b"\x05\x02\x01\x02" + b"\x00" * 7 + b"\x01\x00\x02\x00",
        ),
        ([None], b"\x06\x01\x00\x00\x00\x00"),
        ((), b"\x07\x00\x00\x00\x00"),
        ({"": False}, b"\x08\x01\x00\x00\x00\x04\x00\x00\x00\x00\x01\x00"),
        (Failure("x"), b"\x09\x01\x00\x00\x00x"),
    ],
)
def test_the_bytes_are_those_the_c_reader_expects(value: Value, content: bytes) -> None:
    assert encode(value) == _HEADER + content
    assert decode(_HEADER + content) == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x0d", "unknown tag 13"),
        (b"\x00\x00", "1 bytes after the value"),
        (b"\x01\x02", "a bool of a value file is 2"),
        (b"\x04\x01\x00\x00\x00\xff", "utf-8"),
        (b"\x05\x63\x00", "dtype 99"),
        (b"\x05\x06\x41", "rank 65"),
        (b"\x05\x06\x01" + b"\xff" * 8, "impossible shape"),
        (b"\x05\x06\x02" + b"\xff" * 7 + b"\x7f" + b"\xff" * 7 + b"\x7f", "ends early"),
        (b"\x06\xff\xff\xff\xff", "ends early"),
        (b"\x0c\x06\x05\x00\x00\x07\x07\x00\x00\x00\x00", "quantized tensor"),
        (b"\x0c\x0d\x05\x01\x00\x07\x07\x00\x00\x00\x00", "no quantized tensor of quint8"),
        (b"\x06\x01\x00\x00\x00" * (MAX_DEPTH + 1) + b"\x00", "nested deeper"),
        (b"\x08\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00", "list cannot be a key"),
        (
            b"\x08\x01\x00\x00\x00\x07\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00",
            "tuple cannot be a key",
        ),
    ],
)
def test_damage_is_named(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(_HEADER + content)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"BRVF\x02\x00\x00\x00\x00"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="value file"):
        decode(data)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_numbers_beyond_64_bits_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="too large"):
        encode(value)


def test_unknown_types_and_endless_nesting_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold a bytes"):
        encode(b"x")  # type: ignore[arg-type]
    endless: list[Value] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested deeper"):
        encode(endless)


@pytest.mark.parametrize(
    ("dtype", "shape", "data"),
    [
        ("float8", (), b"\x00"),
        ("int8", (-1,), b""),
        ("int8", (2,), b"\x00"),
        ("int8", (0,) * 65, b""),
    ],
)
def test_impossible_tensors_are_refused(dtype: str, shape: tuple[int, ...], data: bytes) -> None:
    with pytest.raises(ValueError, match=r"hold dtype|impossible|needs"):
        Tensor(dtype, shape, data)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bfloat16"])
def test_numpy_arrays_survive(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = Tensor.from_numpy(array).numpy()
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    back[0, 0] = 1  # writable, and a copy


def test_numpy_layout_and_byte_order_are_normalised() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    tensor = Tensor.from_numpy(array)
    assert tensor.shape == (3, 2)
    assert tensor.data == struct.pack("<6i", 0, 3, 1, 4, 2, 5)


def test_a_numpy_scalar_array_has_no_dimensions() -> None:
    assert Tensor.from_numpy(np.array(2.5)).shape == ()


def test_bfloat16_widens_exactly() -> None:
    tensor = Tensor("bfloat16", (2,), struct.pack("<HH", 0x3F80, 0xC040))
    assert tensor.numpy().tolist() == [1.0, -3.0]


def test_foreign_numpy_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match="uint32"):
        Tensor.from_numpy(np.zeros(1, "uint32"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Quantized("quint8", Tensor("uint8", (1,), b"x"), (0.1, 3)), "takes no quint8 tensor"),
        (Device("cuda:0"), "takes no device"),
        ({"k": (1, [Device("cpu")])}, "takes no device"),
    ],
)
def test_what_only_outputs_hold_is_refused_in_inputs(value: Value, reason: str) -> None:
    assert encode(value)
    with pytest.raises(ValueError, match=reason):
        encode_inputs([(1, value)])
    assert encode_inputs([(1, 2j, {"k": [None]})]) == encode([(1, 2j, {"k": [None]})])
